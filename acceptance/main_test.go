package acceptance

import (
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"trunkline/storage/cluster/clustertest"
)

// program is the gateway under test, built by TestMain.
var program string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "trunkline-acceptance-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	program = filepath.Join(dir, "trunkline")
	build := exec.Command("go", "build", "-race", "-tags", "offline", "-o", program, "./cmd/trunkline")
	build.Dir = ".."
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build the gateway: %v\n%s", err, out)
		return 1
	}
	if err := readTree(".."); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}

	// Calls wait more than they compute. More of them at once than this would
	// make a small machine late on the line.
	if err := flag.Set("test.parallel", "6"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	go machine.run()
	defer machine.end()

	return clustertest.Main(m, goleak.IgnoreTopFunction("trunkline/acceptance.(*pulse).run"))
}

// readTree lists the folders of the source. The go command notes that, and so
// runs the tests again, rather than recall their result, when a file changed
// that only the program under test is made of.
func readTree(root string) error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && path != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "bin") {
			return filepath.SkipDir
		}

		return err
	})
}

// need skips the test when a peer is not installed, unless the environment
// says that it must be.
func need(t *testing.T, peer, debian string) {
	t.Helper()
	if _, err := exec.LookPath(peer); err == nil {
		return
	}
	message := fmt.Sprintf("%s is not installed: apt-get install %s", peer, debian)
	if os.Getenv("TRUNKLINE_REQUIRE_PEERS") != "" {
		t.Fatal(message)
	}
	t.Skip(message)
}
