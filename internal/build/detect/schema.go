package detect

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// Schema is the JSON schema of davit.toml, as docs/davit.schema.json has it.
func Schema() ([]byte, error) {
	root := object(reflect.TypeFor[Config]())
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = ConfigFile
	root["description"] = "How Davit builds and starts a source. The settings of a service go before it, and it goes before what is detected."
	data, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("schema: %w", err)
	}
	return append(data, '\n'), nil
}

func object(t reflect.Type) map[string]any {
	properties := map[string]any{}
	for i := range t.NumField() {
		f := t.Field(i)
		p := typed(f.Type)
		p["description"] = f.Tag.Get("doc")
		if list := f.Tag.Get("enum"); list == "@languages" {
			p["enum"] = Languages()
		} else if list != "" {
			p["enum"] = strings.Split(list, ",")
		}
		for tag, key := range map[string]string{"min": "minimum", "max": "maximum"} {
			if n, err := strconv.Atoi(f.Tag.Get(tag)); err == nil {
				p[key] = n
			}
		}
		properties[f.Tag.Get("toml")] = p
	}
	return map[string]any{"type": "object", "additionalProperties": false, "properties": properties}
}

func typed(t reflect.Type) map[string]any {
	switch t.Kind() { //nolint:exhaustive // Config has these
	case reflect.Slice:
		return map[string]any{"type": "array", "items": typed(t.Elem())}
	case reflect.Map:
		return map[string]any{"type": "object", "additionalProperties": typed(t.Elem())}
	case reflect.Struct:
		return object(t)
	case reflect.Int:
		return map[string]any{"type": "integer"}
	}
	return map[string]any{"type": "string"}
}

// configKeys are the keys that davit.toml may have.
func configKeys() []string {
	t := reflect.TypeFor[Config]()
	keys := make([]string, t.NumField())
	for i := range keys {
		keys[i] = t.Field(i).Tag.Get("toml")
	}
	return keys
}

// Languages are the names that Options.Language may have, by priority.
func Languages() []string {
	var out []string
	for _, d := range detectors {
		if d.name != "dockerfile" {
			out = append(out, d.name)
		}
	}
	return out
}
