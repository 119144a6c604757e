package script

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"

	"trunkline/pipeline"
)

// ErrNothingToAnswer says that a request's history does not end with the
// caller's words.
var ErrNothingToAnswer = errors.New("the history does not end with the caller's words")

// Generate streams the reply to the last message of the history, in pieces of
// words as language models do, and then its act.
func (s *Script) Generate(ctx context.Context, req pipeline.Request) iter.Seq2[pipeline.Delta, error] {
	return func(yield func(pipeline.Delta, error) bool) {
		r, err := s.reply(ctx, req)
		if err != nil {
			yield(pipeline.Delta{}, fmt.Errorf("script %s: %w", s.name, err))
			return
		}
		for text, said := r.text(), 0; said < len(text); {
			if err := ctx.Err(); err != nil {
				yield(pipeline.Delta{}, fmt.Errorf("script %s: %w", s.name, context.Cause(ctx)))
				return
			}
			n := pieceLen(text[said:])
			if !yield(pipeline.Delta{Text: text[said : said+n], Protected: r.protected && said < len(r.answer)}, nil) {
				return
			}
			said += n
		}
		if r.call != nil {
			call := *r.call
			if !yield(pipeline.Delta{Call: &call}, nil) {
				return
			}
		}
		if r.act != nil {
			act := *r.act
			act.Args = maps.Clone(r.act.Args)
			yield(pipeline.Delta{Act: &act}, nil)
		}
	}
}

// reply plays the history through the dialogue.
func (s *Script) reply(ctx context.Context, req pipeline.Request) (reply, error) {
	h := req.History
	if len(h) == 0 || h[len(h)-1].Role == pipeline.Agent {
		return reply{}, ErrNothingToAnswer
	}
	d := s.newDialogue(req.Vars)
	var r reply
	for i := 0; i < len(h); {
		if ctx.Err() != nil {
			return reply{}, context.Cause(ctx)
		}
		if h[i].Role == pipeline.Caller {
			r = d.hear(h[i].Text)
			i++
			continue
		}
		from := i
		for i < len(h) && h[i].Role != pipeline.Caller {
			i++
		}
		if from > 0 { // what stands before the caller's first words is the greeting
			if answer, answers := d.follow(h[from:i], i == len(h)); answers {
				r = answer
			}
		}
	}
	return r, nil
}

// maxPiece is the most letters in a piece of a word.
const maxPiece = 6

// pieceLen is the length in bytes of the next piece of text: a word with the
// space before it, or the first part of a long word.
func pieceLen(text string) int {
	letters := 0
	for i, r := range text {
		if i > 0 && r == ' ' || letters == maxPiece {
			return i
		}
		if r != ' ' {
			letters++
		}
	}
	return len(text)
}
