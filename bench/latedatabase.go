package bench

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"trunkline/storage/cluster"
)

// lateDatabase is a private PostgreSQL server behind a socket that holds its
// answers back.
type lateDatabase struct {
	url     string
	late    atomic.Int64 // nanoseconds
	cluster *cluster.Cluster
	listen  net.Listener
	server  string // the server's own socket
	work    sync.WaitGroup
	mu      sync.Mutex
	conns   []net.Conn
}

// startLateDatabase starts both. Nothing is late yet.
func (b *bench) startLateDatabase(ctx context.Context) (*lateDatabase, error) {
	dir, err := os.MkdirTemp(b.dir, "database-")
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(dir, 0o755); err != nil { // the database's account has to pass
		return nil, err
	}
	d := &lateDatabase{cluster: cluster.New(cluster.Options{Dir: filepath.Join(dir, "postgres"), Log: slog.New(slog.DiscardHandler)})}
	if err := d.cluster.Start(ctx); err != nil {
		return nil, err
	}
	u, err := url.Parse(d.cluster.URL())
	if err != nil {
		return nil, errors.Join(err, d.cluster.Stop(context.Background()))
	}
	const name = ".s.PGSQL.5432"
	query := u.Query()
	d.server = filepath.Join(query.Get("host"), name)
	front := filepath.Join(dir, "front")
	err = os.Mkdir(front, 0o750)
	if err == nil {
		d.listen, err = net.Listen("unix", filepath.Join(front, name))
	}
	if err != nil {
		return nil, errors.Join(err, d.cluster.Stop(context.Background()))
	}
	query.Set("host", front)
	u.RawQuery = query.Encode()
	d.url = u.String()
	d.work.Go(d.accept)

	return d, nil
}

// slow has every answer come later.
func (d *lateDatabase) slow(by time.Duration) { d.late.Store(int64(by)) }

func (d *lateDatabase) accept() {
	for {
		near, err := d.listen.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("unix", d.server)
		if err != nil {
			near.Close()

			continue
		}
		d.mu.Lock()
		d.conns = append(d.conns, near, far)
		d.mu.Unlock()
		d.work.Go(func() { d.pass(far, near, false) })
		d.work.Go(func() { d.pass(near, far, true) })
	}
}

// piece is what came at once, and when it goes on.
type piece struct {
	due  time.Time
	data []byte
}

// pass carries one direction of a connection.
func (d *lateDatabase) pass(to, from net.Conn, answers bool) {
	pieces := make(chan piece, 1024)
	d.work.Go(func() {
		defer to.Close()
		for p := range pieces {
			time.Sleep(time.Until(p.due))
			if _, err := to.Write(p.data); err != nil {
				from.Close() // which ends the reading
			}
		}
	})
	defer close(pieces)
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			due := time.Now()
			if answers {
				due = due.Add(time.Duration(d.late.Load()))
			}
			pieces <- piece{due, append([]byte(nil), buf[:n]...)}
		}
		if err != nil {
			return
		}
	}
}

func (d *lateDatabase) stop() error {
	d.slow(0)
	err := d.listen.Close()
	d.mu.Lock()
	for _, c := range d.conns {
		c.Close()
	}
	d.mu.Unlock()
	d.work.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), stopBound)
	defer cancel()
	if e := d.cluster.Stop(ctx); e != nil {
		err = errors.Join(err, fmt.Errorf("stop the database: %w", e))
	}

	return err
}
