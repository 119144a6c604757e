package trace

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
)

// Reach asks a collector whether it takes traces: it sends it a request without
// any (OTLP/HTTP, an empty ExportTraceServiceRequest), as a start of the gateway
// does not. The error never has a header's value in it.
func Reach(ctx context.Context, endpoint string, headers map[string]string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, bytes.NewReader(nil))
	if err != nil {
		return err
	}
	for name, value := range headers {
		req.Header.Set(name, value)
	}
	req.Header.Set("Content-Type", "application/x-protobuf")
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment}
	defer transport.CloseIdleConnections()
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return fmt.Errorf("the collector cannot be reached: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("the collector takes no traces: HTTP %d; check traces.endpoint and traces.headers_env", resp.StatusCode)
	}

	return nil
}
