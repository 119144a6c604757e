package console

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"trunkline/privacy"
	"trunkline/storage"
)

// talkBegan is the moment that the times of a call's page count from: its
// answer, when the recording begins.
func talkBegan(c *storage.Call) time.Time {
	if c.AnsweredAt.IsZero() {
		return c.StartedAt
	}
	return c.AnsweredAt
}

// talked is how long the call was up; 0 while it is, and when it was never.
func talked(c *storage.Call) time.Duration {
	if c.AnsweredAt.IsZero() || c.EndedAt.IsZero() {
		return 0
	}
	return c.EndedAt.Sub(c.AnsweredAt)
}

// clock writes a place in a call as 1:05.
func clock(d time.Duration) string {
	seconds := int(d.Round(time.Second).Seconds())
	return fmt.Sprintf("%d:%02d", seconds/60, seconds%60)
}

// finely writes a place in a call as 1:05.3.
func finely(d time.Duration) string {
	tenths := d.Round(100*time.Millisecond).Milliseconds() / 100
	return fmt.Sprintf("%d:%02d.%d", tenths/600, tenths/10%60, tenths%10)
}

// lasting writes a length as 48 s or 12 min 3 s.
func lasting(d time.Duration) string {
	switch d = d.Round(time.Second); {
	case d <= 0:
		return "–"
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	default:
		return fmt.Sprintf("%d min %d s", int(d.Minutes()), int(d.Seconds())%60)
	}
}

func milliseconds(d time.Duration) string {
	switch ms := storage.Milliseconds(d); {
	case ms == 0:
		return "0 ms"
	case ms < 9.95:
		return fmt.Sprintf("%.1f ms", ms)
	default:
		return fmt.Sprintf("%.0f ms", ms)
	}
}

// words writes a name_like_this as words.
func words(name string) string { return strings.ReplaceAll(name, "_", " ") }

func moment(t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	return t.UTC().Format("2 Jan 2006, 15:04:05 UTC")
}

func machineTime(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// party writes a number or SIP user; callers may withhold theirs.
func party(n privacy.Number) string { return cmp.Or(string(n), "unknown") }

// doorName writes a door as people do.
func doorName(d storage.Door) string {
	switch d {
	case storage.DoorSIP:
		return "SIP"
	case storage.DoorTwilio:
		return "Twilio"
	default:
		return string(d)
	}
}
