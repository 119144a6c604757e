package turn

import (
	"strconv"
	"time"

	"trunkline/media/dtmf"
)

// ActCollect is the act of a reply that asks for keys, such as an account
// number: the keys that follow are one entry by the rules in its arguments.
//
//	min, max    how many keys; max 0 means 32
//	terminator  keys that end the entry and are not part of it, such as "#"
//	erase       keys that begin it anew, such as "*"
//	first       wait for the first key before the caller is prompted, "8s"
//	between     wait for each further key, "3s"
//
// A caller who speaks instead is heard as ever.
const ActCollect = "collect_keys"

// entry is what the agent asked for.
type entry struct {
	rules *dtmf.Rules     // nil: nothing
	keys  *dtmf.Collector // nil: no key yet
}

// ask notes the act of a reply that asks for keys.
func (n *entry) ask(e *Event) {
	*n = entry{}
	if e.Act != ActCollect {
		return
	}
	count := func(name string) int {
		v, err := strconv.Atoi(e.Args[name])
		if err != nil {
			return 0
		}

		return v
	}
	wait := func(name string) time.Duration {
		d, err := time.ParseDuration(e.Args[name])
		if err != nil {
			return 0
		}

		return d
	}
	n.rules = &dtmf.Rules{
		Min: count("min"), Max: count("max"),
		Terminator: e.Args["terminator"], Erase: e.Args["erase"],
		First: wait("first"), Between: wait("between"),
	}
}

// first is how long the first key is waited for; 0: as for words.
func (n *entry) first() time.Duration {
	if n.rules == nil {
		return 0
	}

	return n.rules.First
}

// between is how long a further key is waited for; 0: as for keys that nobody
// asked for.
func (n *entry) between() time.Duration {
	if n.rules == nil {
		return 0
	}

	return n.rules.Between
}

// key takes a key at now, the first one when fresh. It returns the keys so far
// and whether they are all; asked is false when no keys were asked for.
func (n *entry) key(k string, now time.Duration, fresh bool) (keys string, all, asked bool) {
	if n.rules == nil || len(k) != 1 {
		return "", false, false
	}
	at := time.Time{}.Add(now)
	if n.keys == nil || fresh {
		n.keys = dtmf.NewCollector(*n.rules, at)
	}
	got := n.keys.Key(k[0], at)

	return got.Keys, got.Why != dtmf.Running, true
}
