package main

import (
	"errors"
	"net/http"
	"regexp"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"trunkline/sip/hep"

	"trunkline/sip"
)

func metricsHandler(r *prometheus.Registry) http.Handler {
	return promhttp.HandlerFor(r, promhttp.HandlerOpts{})
}

// liveHeap is what the last collection found alive: what memory is in use for,
// without garbage.
var liveHeap = regexp.MustCompile(`^/gc/heap/live:bytes$`)

// registerCollectors exposes what the parts count by themselves.
func registerCollectors(g *gateway) error {
	gauge := func(name, help string, value func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "trunkline_" + name, Help: help}, value)
	}
	counter := func(name, help string, value func() uint64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "trunkline_" + name, Help: help},
			func() float64 { return float64(value()) })
	}
	var errs []error
	for _, c := range []prometheus.Collector{
		collectors.NewGoCollector(collectors.WithGoCollectorRuntimeMetrics(collectors.GoRuntimeMetricsRule{Matcher: liveHeap})),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		gauge("calls_active", "Calls that run.", func() float64 { return float64(g.calls.Active()) }),
		gauge("rtp_ports_in_use", "RTP port pairs in use.", func() float64 { return float64(g.pool.InUse()) }),
		gauge("sip_dialogs", "SIP dialogs that are remembered.", func() float64 { return float64(g.sip.Stats().Dialogs) }),
		gauge("sip_transactions", "SIP transactions that are remembered.", func() float64 { return float64(g.sip.Stats().Transactions) }),
		counter("sip_strangers_total", "Datagrams and connections dropped because their source is no trunk's.",
			func() uint64 { return g.sip.Stats().Strangers }),
		counter("sip_scanners_total", "Of the strangers' datagrams, those that bear a scanning tool's mark; some hundred a second are looked at.",
			func() uint64 { return g.sip.Stats().Scanners }),
		counter("sip_throttled_total", "SIP messages dropped because their source sends too many.",
			func() uint64 { return g.sip.Stats().Throttled }),
		counter("sip_handshakes_failed_total", "TLS and WebSocket handshakes that failed.",
			func() uint64 { return g.sip.Stats().Handshakes }),
		newTrunkMetrics(func() []sip.TrunkStatus { return g.sip.Trunks() }),
		counter("sip_malformed_total", "SIP messages that do not parse.", func() uint64 { return g.sip.Stats().Malformed }),
		counter("sip_retransmitted_total", "200 responses sent again because no ACK had come.",
			func() uint64 { return g.sip.Stats().Retransmitted }),
		counter("sip_no_ack_total", "Calls that ended because no ACK came.", func() uint64 { return g.sip.Stats().NoACK }),
		counter("hep_sent_total", "SIP messages whose copies were sent to the HEP server (`sip.hep`).", func() uint64 { return g.hepStats().Sent }),
		counter("hep_dropped_total", "SIP messages whose copies were dropped, because too many waited or the network refused them.",
			func() uint64 { return g.hepStats().Dropped }),
		counter("sip_kernel_drops_total", "SIP datagrams that the kernel dropped because we read too slowly.", func() (n uint64) {
			for _, s := range g.sip.Stats().Sockets {
				n += s.KernelDrops
			}

			return n
		}),
		counter("clock_late_ticks_total", "Ticks made 20 ms or more after their deadline.", func() uint64 { return g.clock.Stats().Late }),
		counter("clock_skipped_ticks_total", "Ticks that were never made.", func() uint64 { return g.clock.Stats().Skipped }),
		gauge("clock_lateness_p99_seconds", "99 % of all ticks were made within this time of their deadline.",
			func() float64 { return g.clock.Stats().Percentile(.99).Seconds() }),
		gauge("journal_queued_rows", "Rows that wait to be written to the database.",
			func() float64 { return float64(g.journal.Stats().Queued) }),
		counter("journal_written_rows_total", "Rows written to the database.", func() uint64 { return g.journal.Stats().Written }),
		counter("journal_dropped_rows_total", "Rows given up because the queue was full.",
			func() uint64 { return g.journal.Stats().Dropped.Total() }),
		gauge("spool_rows", "Rows of history that wait on disk for the database.", func() float64 { return float64(g.history.Stats().Waiting) }),
		gauge("spool_bytes", "Disk space that the history's spool takes.", func() float64 { return float64(g.history.Stats().Bytes) }),
		gauge("spool_revocations", "Revocations that wait on disk for the database.", func() float64 { return float64(g.gate.Waiting()) }),
		gauge("spool_proofs", "Proofs of what calls said that wait on disk for the database.", func() float64 { return float64(g.proofs.Waiting()) }),
		gauge("spool_failing", "1 while a spool cannot be written: free some disk space.", func() float64 {
			if g.history.Stats().Failing != nil || g.revocations.Stats().Failing != nil || g.proven.Stats().Failing != nil {
				return 1
			}

			return 0
		}),
		counter("spool_damages_total", "Damaged places that were found in the spools.",
			func() uint64 {
				return uint64(g.history.Stats().Damaged + g.revocations.Stats().Damaged + g.proven.Stats().Damaged)
			}),
	} {
		errs = append(errs, g.registry.Register(c))
	}

	return errors.Join(errs...)
}

// hepStats counts the exported copies of messages; there are none without a
// server for them.
func (g *gateway) hepStats() hep.Stats {
	if g.hep == nil {
		return hep.Stats{}
	}

	return g.hep.Stats()
}
