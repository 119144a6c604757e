package cluster

import (
	"fmt"
	"strconv"

	"golang.org/x/sys/unix"
)

// Bounds of the server's own cache of pages, in MiB. The gateway works on the same
// machine, and the operating system caches the files as well.
const (
	leastBuffers = 32
	mostBuffers  = 512
	// buffersShare is which part of the memory it takes: one in so many.
	buffersShare = 16
)

// buffers is the size of the server's own cache on a machine with so many bytes
// of memory, in MiB.
func buffers(memory uint64) uint64 {
	return min(max(memory>>20/buffersShare, leastBuffers), mostBuffers)
}

// memory is the machine's, in bytes; 0 when the kernel does not tell.
func memory() uint64 {
	var i unix.Sysinfo_t
	if err := unix.Sysinfo(&i); err != nil {
		return 0
	}

	return i.Totalram * uint64(i.Unit)
}

// settings are the server's arguments. Decisions about calls wait for its log:
// after a checkpoint the first change of each page is logged whole, and a new
// file of the log is filled with zeros while commits wait. So checkpoints are
// rare and spread, and log files are kept to be used again. A crash then takes
// some seconds longer to recover from. commit_delay stays off: evidence shares
// transactions already.
func settings(o Options) []string {
	onOff := map[bool]string{true: "off", false: "on"}
	cache, oldLog, newLog := buffers(memory()), 256, 1024
	if o.Scratch {
		cache, oldLog, newLog = leastBuffers, 80, 256
	}
	list := []string{
		"listen_addresses=",
		"max_connections=" + strconv.Itoa(o.Connections),
		fmt.Sprintf("shared_buffers=%dMB", cache),
		"fsync=" + onOff[o.Scratch],
		"synchronous_commit=" + onOff[o.Scratch],
		"full_page_writes=" + onOff[o.Scratch],
		"wal_level=minimal", // nobody replicates it
		"max_wal_senders=0",
		fmt.Sprintf("min_wal_size=%dMB", oldLog),
		fmt.Sprintf("max_wal_size=%dMB", newLog),
		"checkpoint_timeout=15min",
		"checkpoint_completion_target=0.9",
		"jit=off",
		"timezone=UTC",
		"log_timezone=UTC",
		"log_checkpoints=off",
		"logging_collector=off",
	}
	args := make([]string, 0, 2*len(list))
	for _, s := range list {
		args = append(args, "-c", s)
	}

	return args
}
