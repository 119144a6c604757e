package realtime

import (
	"encoding/base64"
	"encoding/json"

	"trunkline/pipeline/vendor"
)

// event is one of the server's, as far as it is understood.
type event struct {
	Type       string   `json:"type"`
	ResponseID string   `json:"response_id"`
	ItemID     string   `json:"item_id"`
	Delta      string   `json:"delta"`
	Transcript string   `json:"transcript"`
	CallID     string   `json:"call_id"`
	Name       string   `json:"name"`
	Arguments  string   `json:"arguments"`
	Response   response `json:"response"`
	Item       struct {
		ID   string `json:"id"`
		Type string `json:"type"`
		Name string `json:"name"`
	} `json:"item"`
	Error struct {
		EventID string `json:"event_id"`
		Code    string `json:"code"`
		Type    string `json:"type"`
	} `json:"error"`

	code  string // of an error, when it is a plain word
	audio []byte // of response.output_audio.delta, µ-law
}

// response is a reply, or a part of one before its tools.
type response struct {
	ID            string `json:"id"`
	Status        string `json:"status"`
	StatusDetails struct {
		Error json.RawMessage `json:"error"`
	} `json:"status_details"`
	Usage usage `json:"usage"`
}

// usage counts tokens.
type usage struct {
	InputTokens  int `json:"input_tokens"`
	OutputTokens int `json:"output_tokens"`
	Input        struct {
		Text   int `json:"text_tokens"`
		Audio  int `json:"audio_tokens"`
		Cached struct {
			Text  int `json:"text_tokens"`
			Audio int `json:"audio_tokens"`
		} `json:"cached_tokens_details"`
	} `json:"input_token_details"`
	Output struct {
		Text  int `json:"text_tokens"`
		Audio int `json:"audio_tokens"`
	} `json:"output_token_details"`
}

// parse reads an event.
func parse(client *vendor.Client, data []byte) (*event, error) {
	var e event
	if err := json.Unmarshal(data, &e); err != nil {
		return nil, client.Garbled("an event is no JSON: %w", vendor.Syntax(err))
	}
	switch e.Type {
	case "response.output_audio.delta":
		audio, err := base64.StdEncoding.DecodeString(e.Delta)
		if err != nil {
			return nil, client.Garbled("the audio of an event is no base64")
		}
		e.audio = audio
	case "error":
		e.code = vendor.Code(data)
	case "response.done":
		if len(e.Response.StatusDetails.Error) > 0 {
			e.code = vendor.Code(e.Response.StatusDetails.Error)
		}
	}

	return &e, nil
}

// appendAudio is the event that sends µ-law octets.
func appendAudio(octets []byte) []byte {
	const before, after = `{"type":"input_audio_buffer.append","audio":"`, `"}`
	data := make([]byte, 0, len(before)+base64.StdEncoding.EncodedLen(len(octets))+len(after))
	data = base64.StdEncoding.AppendEncode(append(data, before...), octets)

	return append(data, after...)
}

// object is an event to the server, or a part of one.
type object map[string]any

func create(item object) object { return object{"type": "conversation.item.create", "item": item} }

// says is an item of words.
func says(role, kind, text string) object {
	return create(object{"type": "message", "role": role, "content": []object{{"type": kind, "text": text}}})
}

func callerSaid(text string) object { return says("user", "input_text", text) }

func agentSaid(text string) object { return says("assistant", "output_text", text) }

func called(id, name, args string) object {
	return create(object{"type": "function_call", "call_id": id, "name": name, "arguments": args})
}

func returned(id, output string) object {
	return create(object{"type": "function_call_output", "call_id": id, "output": output})
}
