package transport

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/99designs/gqlgen/graphql"
	"github.com/coder/websocket"
)

// subprotocol is the only one spoken here. The older graphql-ws is not.
const subprotocol = "graphql-transport-ws"

// The types of messages, by their names on the wire.
const (
	connectionInit = "connection_init"
	connectionAck  = "connection_ack"
	ping           = "ping"
	pong           = "pong"
	subscribe      = "subscribe"
	next           = "next"
	errorMessage   = "error"
	complete       = "complete"
)

// The close codes of the protocol.
const (
	closeBadRequest    websocket.StatusCode = 4400
	closeUnauthorized  websocket.StatusCode = 4401
	closeForbidden     websocket.StatusCode = 4403
	closeSubprotocol   websocket.StatusCode = 4406
	closeInitTimeout   websocket.StatusCode = 4408
	closeIDTaken       websocket.StatusCode = 4409
	closeTooManyInits  websocket.StatusCode = 4429
	closeInternalError websocket.StatusCode = 4500
)

// closing is the error that ends a socket with a close frame.
type closing struct {
	code   websocket.StatusCode
	reason string
}

func (c *closing) Error() string { return fmt.Sprintf("close %d: %s", c.code, c.reason) }

// maxReason is what fits into a close frame beside the code, in bytes.
const maxReason = 123

// maxID is the length of an operation's id, in bytes. Every message of the
// operation carries it.
const maxID = 256

// closef returns a closing whose reason is cut to what a frame can hold.
func closef(code websocket.StatusCode, format string, args ...any) *closing {
	reason := fmt.Sprintf(format, args...)
	if len(reason) > maxReason {
		reason = strings.ToValidUTF8(reason[:maxReason], "")
	}
	return &closing{code, reason}
}

// message is one from the client, of a type and in a format that the protocol
// knows.
type message struct {
	kind      string
	id        string             // of subscribe and complete; never ""
	payload   json.RawMessage    // of connection_init and ping: an object, null or nothing
	operation *graphql.RawParams // of subscribe
}

// parse reads a message. The error is a close with 4400, or with 1007 if data
// is no text at all.
func parse(data []byte) (message, error) {
	if !utf8.Valid(data) {
		return message{}, closef(websocket.StatusInvalidFramePayloadData, "Invalid UTF-8")
	}
	fields, ok := object(data)
	if !ok || fields == nil {
		return message{}, closef(closeBadRequest, "Invalid message: not a JSON object")
	}
	m := message{payload: fields["payload"]}
	if json.Unmarshal(fields["type"], &m.kind) != nil {
		return message{}, closef(closeBadRequest, "Invalid message: no type")
	}
	switch m.kind {
	case connectionInit, ping, pong:
		if _, ok := object(m.payload); !ok {
			return message{}, closef(closeBadRequest, "Invalid message: the payload of %s must be an object", m.kind)
		}
		return m, nil
	case subscribe, complete:
		if json.Unmarshal(fields["id"], &m.id) != nil || m.id == "" {
			return message{}, closef(closeBadRequest, "Invalid message: %s needs an id", m.kind)
		}
		if len(m.id) > maxID {
			return message{}, closef(closeBadRequest, "Invalid message: an id has at most %d bytes", maxID)
		}
	default:
		return message{}, closef(closeBadRequest, "Invalid message: unexpected type %s", m.kind)
	}
	if m.kind == subscribe {
		payload, ok := object(m.payload)
		if !ok {
			return message{}, closef(closeBadRequest, "Invalid message: the payload of subscribe must be an object")
		}
		operation, err := params(payload)
		if err != nil {
			return message{}, closef(closeBadRequest, "Invalid message: %s", err.Message)
		}
		m.operation = operation
	}
	return m, nil
}

// head starts a message of an operation, whose id is JSON already; the payload
// and tail follow.
func head(b *bytes.Buffer, kind, id string) {
	b.WriteString(`{"id":`)
	b.WriteString(id)
	b.WriteString(`,"type":"`)
	b.WriteString(kind)
	b.WriteString(`","payload":`)
}

func tail(b *bytes.Buffer) { b.WriteByte('}') }

// completed is the message that an operation is over.
func completed(id string) []byte {
	return []byte(`{"id":` + id + `,"type":"complete"}`)
}

// bare is a message of the connection itself; payload may be nil.
func bare(kind string, payload json.RawMessage) []byte {
	if len(payload) == 0 || isNull(payload) {
		return []byte(`{"type":"` + kind + `"}`)
	}
	return []byte(`{"type":"` + kind + `","payload":` + string(payload) + `}`)
}
