// Package script is a pipeline.Model that follows a dialogue written in a YAML
// file instead of asking a language model. It is the embedded default, and
// what demonstrations, tests and benchmarks talk to.
//
// A script lists intents: what callers want, with example phrases, and what
// the agent replies. An intent may need slots (a day, a time, a name); they
// are asked for one by one and read back before the intent is answered. An
// intent may hand the caller to a person or end the call.
//
//	name: reception          what the script is called
//	language: en-US          English is what the built-in kinds and words know
//	vars: {business: Acme}   values for {business}; Request.Vars override them
//	lines:                   greeting, idle (a list), not_heard, goodbye,
//	                         hand_off, busy, apology, trouble, cap_warning,
//	                         cap_goodbye
//	intents:
//	  - name: booking
//	    phrases:             examples, not patterns: words may be missing,
//	                         added or misheard; {day} stands for a slot's value
//	    slots:
//	      - name: day
//	        kind: day        day, time, number, digits, name or choice
//	        ask: [...]       the question; further variants are used in turn
//	        refuse: ...      said when the value is not allowed; asks again
//	        only: [monday]   kind day: the days allowed
//	        from: "09:00"    kind time: the first and the last time allowed;
//	        to: "17:00"      they also decide what "at three" means
//	        min: 1           kind number: bounds of the value;
//	        max: 10          kind digits: bounds of how many digits
//	        keys:            kind digits: how they are taken when pressed
//	          terminator: "#"  ends them; "#" when not set
//	          erase: "*"     begins them anew
//	          first: 8s      wait for the first one before a prompt
//	          between: 3s    wait for each further one
//	        examples: [...]  kind name: names for the recogniser
//	        values:          kind choice: {value: cleaning, say: [a clean]}
//	    confirm: [...]       reads the slots back; the caller may correct them
//	    change: ...          asked when the caller says no to that
//	    call:                a tool that is called before the reply
//	      tool: book         its name in the configuration
//	      args: {day: "{day}"}
//	      wait: [...]        said while it runs
//	      failed: [...]      the reply when it did not work
//	    replies: [...]       variants are used in turn; {result} is what the tool
//	                         gave, {result.time} a part of it
//	    protected: true      the reply is heard to its end, also when the caller
//	                         interrupts; what is asked after it is not
//	    more: true           then ask whether there is anything else
//	    act: hand_off        or hang_up, carried out after the reply was heard
//	    target: front-desk   the configured name to hand off to
//	more:
//	  ask: [...]             "Is there anything else?"
//	  yes: ...               reply to a bare yes
//	  no: goodbye            the intent that a bare no stands for
//	unknown:
//	  sorry: [...]           said before a question that is asked again
//	  ask_again: [...]       said in turn when no question was open
//	  offer: ...             offers a person when those are used up
//	  hand_off: person       the intent that accepting, or failing again, means
//	yes, no, repeat, cancel: further phrases for what every script understands
//
// The model keeps no state. Each call of Generate plays the request's history
// through the dialogue again, so a reply follows from what both sides heard:
// a question that was cut off before the caller could hear it is asked again,
// and is not held against them. The same request always gives the same reply.
//
// The package does no I/O but reading the file, starts no goroutine and knows
// no audio.
package script
