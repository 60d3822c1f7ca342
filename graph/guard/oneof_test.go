package guard_test

import (
	"strings"
	"testing"

	"github.com/davitdev/davit/internal/fault"
)

func TestOneOf(t *testing.T) {
	t.Parallel()

	tests := []struct {
		name, variables string
		says            string // "" passes
	}{
		{"one field", `{"s":{"image":"nginx"}}`, ""},
		{"one object", `{"s":{"git":{"url":"u"}}}`, ""},
		{"nothing", `{}`, ""},
		{"null", `{"s":null,"l":null,"d":null}`, ""},
		{"none", `{"s":{}}`, "Source takes exactly one of its fields, not 0."},
		{"two", `{"s":{"image":"nginx","git":{"url":"u"}}}`, "Source takes exactly one of its fields, not 2."},
		{"two, one of them null", `{"s":{"image":"nginx","git":null}}`, "Source takes exactly one of its fields, not 2."},
		{"null inside", `{"s":{"image":null}}`, "The one field of Source that is given must not be null."},
		{"in an object", `{"s":{"git":{"url":"u","ref":{"tag":"a","branch":"b"}}}}`, "Ref takes exactly one of its fields, not 2."},
		{"in a list", `{"l":[{"image":"a"},{}]}`, "Source takes exactly one of its fields, not 0."},
		{"a single value made a list", `{"l":{}}`, "Source takes exactly one of its fields, not 0."},
		{"in an object that is not oneOf", `{"d":{"ref":{}}}`, "Ref takes exactly one of its fields, not 0."},
		{"in a list in an object", `{"d":{"sources":[{"image":"a"},{"image":null}]}}`, "The one field of Source that is given must not be null."},
		{"a single value made a list in an object", `{"d":{"sources":{}}}`, "Source takes exactly one of its fields, not 0."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			const query = "query($s:Source,$l:[Source!],$d:Deep){pick(source:$s,sources:$l,deep:$d)}"
			message, code := try(t, house(), query, tt.variables)
			if message != tt.says {
				t.Errorf("got %q, want %q", message, tt.says)
			}
			if tt.says != "" && code != string(fault.GraphQLValidation) {
				t.Errorf("code %v", code)
			}
		})
	}
}

// These the validation of gqlparser refuses by itself; the guard relies on it.
func TestOneOfLiteralsAreRefusedByValidation(t *testing.T) {
	t.Parallel()

	for _, query := range []string{
		`{pick(source:{})}`,
		`{pick(source:{image:"a",git:{url:"u"}})}`,
		`{pick(source:{image:null})}`,
		`{pick(sources:[{image:"a"},{}])}`,
		`{pick(source:{git:{url:"u",ref:{tag:"a",branch:"b"}}})}`,
		`query($i:String){pick(source:{image:$i})}`,
		`query($s:Source={image:"a",git:{url:"u"}}){pick(source:$s)}`,
	} {
		if message, code := try(t, house(), query, ""); code != string(fault.GraphQLValidation) || !strings.Contains(message, "OneOf") && !strings.Contains(message, "non-null") {
			t.Errorf("%s: got %q with code %v", query, message, code)
		}
	}
	if message, _ := try(t, house(), `query($i:String!){pick(source:{image:$i})}`, `{"i":"a"}`); message != "" {
		t.Errorf("a variable that cannot be null: %s", message)
	}
}
