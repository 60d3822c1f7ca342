package client_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/Khan/genqlient/generate"
)

func TestADocumentThatDoesNotFitTheSchemaFailsGeneration(t *testing.T) {
	t.Parallel()

	for name, c := range map[string]struct{ document, want string }{
		"it fits":                  {`query Q($id: ID!) { serviceInstance(id: $id) { status } }`, ""},
		"an unknown field":         {`query Q($id: ID!) { serviceInstance(id: $id) { stauts } }`, `Cannot query field "stauts"`},
		"a missing argument":       {`query Q { serviceInstance { status } }`, `argument "id" of type "ID!" is required`},
		"a variable of wrong type": {`query Q($id: Int!) { serviceInstance(id: $id) { status } }`, `Variable "$id" of type "Int!" used in position expecting type "ID!"`},
		"an unknown input field":   {`mutation M { deploy(input: { serviceInstanceId: "x", imgae: "y" }) { deployment { id } } }`, `Field "imgae" is not defined`},
		"two fields of a oneOf":    {`query Q { logs(source: { buildId: "x", operationId: "y" }) { endCursor } }`, `OneOf`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			document := filepath.Join(t.TempDir(), "q.graphql")
			if err := os.WriteFile(document, []byte(c.document), 0o600); err != nil {
				t.Fatal(err)
			}
			config, err := generate.ReadAndValidateConfig("genqlient.yaml")
			if err != nil {
				t.Fatal(err)
			}
			config.Operations = []string{document}
			_, err = generate.Generate(config)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}
