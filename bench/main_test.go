package bench

import (
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"
)

// certificate is that of the stand-ins for vendors.
var certificate string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "trunkline-bench-test-")
	if err != nil {
		panic(err)
	}
	certificate = filepath.Join(dir, "vendors.pem")
	if err := selfSigned(certificate); err != nil {
		panic(err)
	}
	if err := os.Setenv("SSL_CERT_FILE", certificate); err != nil { // it is read once, by the first connection
		panic(err)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(dir)
		os.Exit(code)
	}))
}
