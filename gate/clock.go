package gate

import (
	"time"

	"golang.org/x/sys/unix"

	"trunkline/compliance"
)

// KernelClock asks the kernel how far the clock is from true time: it knows
// when a time service (chrony, systemd-timesyncd, ntpd) disciplines it
// (adjtimex(2)).
func KernelClock() compliance.Fact[time.Duration] {
	var t unix.Timex
	state, err := unix.Adjtimex(&t)
	switch {
	case err != nil:
		return compliance.Unknown[time.Duration]("the kernel does not tell: " + err.Error())
	case state == unix.TIME_ERROR || t.Status&unix.STA_UNSYNC != 0:
		return compliance.Unknown[time.Duration]("the kernel says that no time service keeps this machine's clock")
	}
	unit := time.Microsecond
	if t.Status&unix.STA_NANO != 0 {
		unit = time.Nanosecond
	}

	return compliance.Know(time.Duration(t.Offset)*unit + time.Duration(t.Esterror)*time.Microsecond)
}

// TrustedClock is for a machine whose host keeps the clock, as a container's
// does.
func TrustedClock() compliance.Fact[time.Duration] { return compliance.Know(time.Duration(0)) }
