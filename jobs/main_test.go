package jobs

import (
	"os"
	"testing"

	"trunkline/storage/cluster/clustertest"
)

func TestMain(m *testing.M) { os.Exit(clustertest.Main(m)) }
