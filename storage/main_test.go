package storage

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"testing"

	"github.com/google/uuid"

	"trunkline/storage/cluster/clustertest"
)

// childURL names the environment variable that turns the test binary into a
// gateway of node "a" with one call in that database, waiting to be killed.
const childURL = "TRUNKLINE_TEST_DATABASE_URL"

func TestMain(m *testing.M) {
	if url := os.Getenv(childURL); url != "" {
		if err := hold(url); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
	}
	os.Exit(clustertest.Main(m))
}

// hold writes the call and never returns.
func hold(url string) error {
	ctx := context.Background()
	s, err := Open(ctx, url, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	j := NewJournal(s, Owner{Node: "a", Boot: uuid.New()}, JournalOptions{})
	if err := j.Start(); err != nil {
		return err
	}
	c := sampleCall()
	c.State, c.AnsweredAt = InProgress, at(2)
	j.Begin(c)
	if err := j.Flush(ctx); err != nil {
		return err
	}
	fmt.Println("calling")
	select {}
}
