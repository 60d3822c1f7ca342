package transport

import (
	"bytes"
	"encoding/json"
	"net/url"

	"github.com/99designs/gqlgen/graphql"

	"github.com/davitdev/davit/internal/fault"
)

// params reads an operation from the fields of a request: query is required,
// the others may be absent or null. Names it does not know are ignored. The
// error is one sentence with the code BAD_REQUEST.
func params(fields map[string]json.RawMessage) (*graphql.RawParams, *fault.Error) {
	var p graphql.RawParams
	for _, f := range []struct {
		name, kind string
		into       any
	}{
		{"query", "string", &p.Query},
		{"operationName", "string", &p.OperationName},
		{"variables", "object", &p.Variables},
		{"extensions", "object", &p.Extensions},
	} {
		raw, given := fields[f.name]
		if !given && f.name != "query" {
			continue
		}
		if !given || f.name == "query" && isNull(raw) {
			return nil, fault.At("query", fault.BadRequest, "The request has no query.")
		}
		dec := json.NewDecoder(bytes.NewReader(raw))
		dec.UseNumber()
		if !json.Valid(raw) || dec.Decode(f.into) != nil {
			return nil, fault.At(f.name, fault.BadRequest, "The request's %s must be a JSON %s.", f.name, f.kind)
		}
	}
	return &p, nil
}

func isNull(raw json.RawMessage) bool { return string(bytes.TrimSpace(raw)) == "null" }

// queryFields turns the parameters of a GET request into the fields of a
// request: text stays text, the two objects are JSON.
func queryFields(values url.Values) map[string]json.RawMessage {
	fields := map[string]json.RawMessage{}
	for _, name := range []string{"query", "operationName"} {
		if values.Has(name) {
			text, err := json.Marshal(values.Get(name))
			if err != nil {
				continue // strings are always JSON
			}
			fields[name] = text
		}
	}
	for _, name := range []string{"variables", "extensions"} {
		if text := values.Get(name); text != "" {
			fields[name] = json.RawMessage(text)
		}
	}
	return fields
}
