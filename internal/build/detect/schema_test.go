package detect_test

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/davitdev/davit/internal/build/detect"
)

// The published schema of davit.toml is that of the struct it is read into.
func TestTheSchemaIsPublished(t *testing.T) {
	t.Parallel()
	const file = "../../../docs/davit.schema.json"
	data, err := detect.Schema()
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(file, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	published, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(published), string(data)); diff != "" {
		t.Errorf("docs/davit.schema.json is not of this code, run with -update (-published +code):\n%s", diff)
	}
}
