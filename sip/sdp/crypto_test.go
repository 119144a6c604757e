package sdp

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"trunkline/media/srtp"
)

// inline is the key of 30 octets of zeros.
var inline = strings.Repeat("A", 40)

func keyed(proto string, lines ...string) string {
	body := "v=0\no=- 1 1 IN IP4 198.51.100.20\ns=-\nc=IN IP4 198.51.100.20\nt=0 0\nm=audio 14022 " + proto + " 0\n"
	for _, l := range lines {
		body += "a=crypto:" + l + "\n"
	}

	return body
}

func localWith(s Security) Local {
	l := local
	l.Security = s
	l.Keys = []srtp.Key{srtp.NewKey(srtp.AES80), srtp.NewKey(srtp.AES32)}

	return l
}

func TestAnswerWithKeys(t *testing.T) {
	t.Parallel()

	aes80 := "1 AES_CM_128_HMAC_SHA1_80 inline:" + inline
	aes32 := "7 AES_CM_128_HMAC_SHA1_32 inline:" + inline + "|2^48"
	odd := []string{
		"1 AES_256_CM_HMAC_SHA1_80 inline:" + inline,
		"2 AES_CM_128_HMAC_SHA1_80 inline:" + inline + "|2^20|1:4",
		"3 AES_CM_128_HMAC_SHA1_80 inline:" + inline + "|1:4",
		"4 AES_CM_128_HMAC_SHA1_80 inline:" + inline + ";inline:" + inline,
		"5 AES_CM_128_HMAC_SHA1_80 inline:" + inline + " UNENCRYPTED_SRTP",
		"6 AES_CM_128_HMAC_SHA1_80 inline:AAAA",
		"7 AES_CM_128_HMAC_SHA1_80 " + inline,
		"x AES_CM_128_HMAC_SHA1_80 inline:" + inline,
		"1234567890 AES_CM_128_HMAC_SHA1_80 inline:" + inline,
		"8",
	}

	for name, tt := range map[string]struct {
		security Security
		keyless  bool // no TLS
		proto    string
		lines    []string
		want     string // the answer's crypto line without its key; "plain"; or "refused"
	}{
		"plain, off":                      {SecurityOff, false, plainProto, nil, "plain"},
		"plain, optional":                 {SecurityOptional, false, plainProto, nil, "plain"},
		"plain, required":                 {SecurityRequired, false, plainProto, nil, "refused"},
		"SAVP, off":                       {SecurityOff, false, secureProto, []string{aes80}, "refused"},
		"SAVP, optional":                  {SecurityOptional, false, secureProto, []string{aes80}, "1 AES_CM_128_HMAC_SHA1_80"},
		"SAVP, required":                  {SecurityRequired, false, secureProto, []string{aes32, aes80}, "7 AES_CM_128_HMAC_SHA1_32"},
		"SAVP without TLS":                {SecurityRequired, true, secureProto, []string{aes80}, "refused"},
		"AVP with keys, off":              {SecurityOff, false, plainProto, []string{aes80}, "plain"},
		"AVP with keys, optional":         {SecurityOptional, false, plainProto, []string{aes80}, "1 AES_CM_128_HMAC_SHA1_80"},
		"AVP with keys, required":         {SecurityRequired, false, plainProto, []string{aes80}, "1 AES_CM_128_HMAC_SHA1_80"},
		"SAVP without keys":               {SecurityOptional, false, secureProto, nil, "refused"},
		"SAVP with unusable keys":         {SecurityOptional, false, secureProto, odd, "refused"},
		"AVP with unusable keys":          {SecurityOptional, false, plainProto, odd, "plain"},
		"unusable keys, then one to use":  {SecurityRequired, false, secureProto, append(odd[:len(odd):len(odd)], aes80), "1 AES_CM_128_HMAC_SHA1_80"},
		"a window, and what is ignorable": {SecurityRequired, false, secureProto, []string{aes80 + " WSH=64 -x=1"}, "1 AES_CM_128_HMAC_SHA1_80"},
		"AVPF":                            {SecurityRequired, false, "RTP/SAVPF", []string{aes80}, "refused"},
	} {
		us := localWith(tt.security)
		if tt.keyless {
			us.Keys = nil
		}

		offer, err := ParseOffer([]byte(keyed(tt.proto, tt.lines...)))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}

		desc, audio, err := Answer(offer, us)
		if tt.want == "refused" {
			if not := new(NotAcceptableError); !errors.As(err, &not) || not.Warning != warnTransport {
				t.Errorf("%s: the error is %v", name, err)
			}

			continue
		}

		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}

		body := string(NewOrigin(1).Body(desc))
		if !strings.Contains(body, fmt.Sprintf("m=audio 30000 %s 0\r\n", tt.proto)) {
			t.Errorf("%s: the answer is\n%s", name, body)
		}

		if tt.want == "plain" {
			if strings.Contains(body, "crypto") || audio.SRTP != (srtp.Keys{}) {
				t.Errorf("%s: the answer is\n%s", name, body)
			}

			continue
		}

		if !strings.Contains(body, "a=crypto:"+tt.want+" inline:"+audio.SRTP.Ours.Inline()+"\r\n") {
			t.Errorf("%s: the answer is\n%s", name, body)
		}

		if audio.SRTP.Theirs.Inline() != inline || audio.SRTP.Theirs.Suite() != audio.SRTP.Ours.Suite() {
			t.Errorf("%s: the keys are %v", name, audio.SRTP)
		}
	}
}

// What we offer, we answer to ourselves: both sides hold the same keys the
// other way round.
func TestOfferWithKeysAndItsAnswer(t *testing.T) {
	t.Parallel()

	for _, offers := range []Security{SecurityOff, SecurityOptional, SecurityRequired} {
		for _, answers := range []Security{SecurityOff, SecurityOptional, SecurityRequired} {
			us, them := localWith(offers), localWith(answers)
			description := MakeOffer(us)
			origin := NewOrigin(1)

			offer, err := ParseOffer(origin.Body(description))
			if err != nil {
				t.Fatal(err)
			}

			answer, theirs, err := Answer(offer, them)
			if refused := offers == SecurityOff && answers == SecurityRequired || offers == SecurityRequired && answers == SecurityOff; refused != (err != nil) {
				t.Errorf("%v answers %v: %v", answers, offers, err)
			}

			if err != nil {
				continue
			}

			ours, err := ParseAnswer(NewOrigin(2).Body(answer), description)
			if err != nil {
				t.Errorf("%v answers %v: %v", answers, offers, err)
				continue
			}

			if ours.SRTP.Ours != theirs.SRTP.Theirs || ours.SRTP.Theirs != theirs.SRTP.Ours {
				t.Errorf("%v answers %v: the keys differ", answers, offers)
			}

			secure := offers != SecurityOff && answers != SecurityOff
			if secure != (ours.SRTP.Ours.Suite() == srtp.AES80) {
				t.Errorf("%v answers %v: protected by %v", answers, offers, ours.SRTP.Ours)
			}

			if again, same := origin.Body(description.Again(false)), origin.Body(description); string(again) != string(same) {
				t.Error("offering once more changes the keys")
			}
		}
	}
}

func TestParseAnswerRefusesKeys(t *testing.T) {
	t.Parallel()

	for name, tt := range map[string]struct {
		security Security
		answer   string
	}{
		"none, where one is needed": {SecurityRequired, keyed(secureProto)},
		"another transport":         {SecurityRequired, keyed(plainProto, "1 AES_CM_128_HMAC_SHA1_80 inline:"+inline)},
		"a tag not offered":         {SecurityRequired, keyed(secureProto, "3 AES_CM_128_HMAC_SHA1_80 inline:"+inline)},
		"another suite":             {SecurityRequired, keyed(secureProto, "1 AES_CM_128_HMAC_SHA1_32 inline:"+inline)},
		"one that we cannot use":    {SecurityOptional, keyed(plainProto, "1 AES_CM_128_HMAC_SHA1_80 inline:"+inline+"|1:4")},
		"one that was not offered":  {SecurityOff, keyed(plainProto, "1 AES_CM_128_HMAC_SHA1_80 inline:"+inline)},
	} {
		if _, err := ParseAnswer([]byte(tt.answer), MakeOffer(localWith(tt.security))); !errors.As(err, new(*NotAcceptableError)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestParseSecurity(t *testing.T) {
	t.Parallel()

	for _, s := range []Security{SecurityOff, SecurityOptional, SecurityRequired} {
		if got, err := ParseSecurity(s.String()); err != nil || got != s {
			t.Errorf("%v: %v, %v", s, got, err)
		}
	}

	if s, err := ParseSecurity(""); err != nil || s != SecurityOff {
		t.Errorf("nothing: %v, %v", s, err)
	}

	if _, err := ParseSecurity("yes"); err == nil {
		t.Error("yes is taken")
	}
}

// FuzzCrypto reads a=crypto lines: what is taken is written back the same.
func FuzzCrypto(f *testing.F) {
	f.Add("1 AES_CM_128_HMAC_SHA1_80 inline:" + inline)
	f.Add("2 AES_CM_128_HMAC_SHA1_32 inline:" + inline + "|2^20 WSH=128")
	f.Add("1 AES_CM_128_HMAC_SHA1_80 inline:" + inline + "|2^20|1:4")
	f.Add("1 F8_128_HMAC_SHA1_80 inline:" + inline + ";inline:" + inline + " KDR=1 FEC_ORDER=SRTP_FEC")
	f.Fuzz(func(t *testing.T, value string) {
		c, err := parseCrypto(value)
		if err != nil {
			return
		}

		again, err := parseCrypto(strings.TrimSuffix(strings.TrimPrefix(c.line(), "a=crypto:"), "\r\n"))
		if err != nil || again != c {
			t.Errorf("%q is taken, and not read back: %v", value, err)
		}
	})
}
