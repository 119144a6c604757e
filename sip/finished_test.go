package sip

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"
	"weak"
)

func TestFinishedTransactionsAnswerAgain(t *testing.T) {
	inBubble(t, nil, func(b *bed) {
		s := newScript("again")
		invite := s.request("INVITE", offerPCMU)
		b.send(invite)
		b.status(100)

		d := b.call()
		if _, err := d.Answer(context.Background()); err != nil {
			t.Fatal(err)
		}

		answer := b.status(200)
		b.send(invite) // the 2xx is the dialog's to repeat
		b.send(s.request("CANCEL", ""))

		if res := b.status(200); tagOf(res.To().Params) != tagOf(answer.To().Params) || res.CSeq().MethodName != "CANCEL" {
			t.Errorf("a CANCEL after the answer got\n%s", res)
		}

		s.learn(answer)
		b.send(s.request("ACK", ""))

		bye := s.request("BYE", "")
		b.send(bye)
		first := b.status(200)
		b.send(bye)

		if again := b.status(200); again.String() != first.String() {
			t.Errorf("a repeated BYE got\n%s\nafter\n%s", again, first)
		}

		time.Sleep(31 * time.Second)
		b.send(bye)
		b.status(200)
		time.Sleep(2 * time.Second)

		if n := b.ua.Stats().Transactions; n != 0 {
			t.Errorf("%d transactions after 33 s", n)
		}

		b.send(bye)
		b.status(481)
	})
}

// TestFinishedTransactionsHoldNoCall has what a call held be free for
// collection while its transactions are still known.
func TestFinishedTransactionsHoldNoCall(t *testing.T) {
	inBubble(t, nil, func(b *bed) {
		s := newScript("free")
		held := func() weak.Pointer[Dialog] {
			d := b.establish(s, offerPCMU)
			p := weak.Make(d)
			b.send(s.request("BYE", ""))
			b.status(200)

			return p
		}()

		synctest.Wait()

		for range 3 {
			runtime.GC()
		}

		if held.Value() != nil {
			t.Error("the dialog is still held")
		}

		if n := b.ua.Stats().Transactions; n != 2 {
			t.Errorf("%d transactions are known, want the INVITE's and the BYE's", n)
		}
	})
}

// What is forgotten is free for collection at once, though later ones stay.
func TestHistoryHoldsNothingForgotten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const all, past = 100, 60

		h := history{byKey: map[string]*finished{}}
		began := time.Now()
		held := make([]weak.Pointer[finished], all)

		for i := range held {
			f := &finished{key: fmt.Sprint(i), until: began.Add(time.Duration(i) * time.Millisecond)}
			held[i] = weak.Make(f)
			h.add(f, func() {})
		}

		h.due(began.Add((past - 1) * time.Millisecond))
		runtime.GC()

		for i, p := range held {
			if gone := p.Value() == nil; gone != (i < past) {
				t.Errorf("number %d of %d forgotten ones is free: %v", i, past, gone)
			}
		}

		h.clear()
	})
}

func TestHistoryForgetsTheOldest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := history{byKey: map[string]*finished{}}
		began := time.Now()

		for i := range maxFinished + 10 {
			f := &finished{key: fmt.Sprint(i), until: began.Add(time.Duration(i) * time.Millisecond)}
			gone := h.add(f, func() {})

			if i < maxFinished && len(gone) != 0 || i >= maxFinished && (len(gone) != 1 || gone[0].key != fmt.Sprint(i-maxFinished)) {
				t.Fatalf("with number %d went %d", i, len(gone))
			}
		}

		if gone := h.due(began.Add(19 * time.Millisecond)); len(gone) != 10 || len(h.byKey) != len(h.order) || len(h.order) != maxFinished-10 {
			t.Errorf("%d went, %d and %d are left", len(gone), len(h.byKey), len(h.order))
		}

		h.clear()
	})
}
