package docker_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/moby/moby/client"

	"github.com/davitdev/davit/runner"
)

// Images are what may be removed: whatever anybody else may want is not among
// them, though it bears our labels.
func TestImagesOfOthersAreNotListed(t *testing.T) {
	t.Parallel()

	api := engine(t)
	installation := "images-" + strings.ToLower(t.Name())
	e := newEngine(t, installation)
	ours := builtImage(t, api, installation, "ins_a", "dep_images1")
	named := builtImage(t, api, installation, "ins_a", "dep_images2")
	if _, err := api.ImageTag(t.Context(), client.ImageTagOptions{Source: named, Target: "somebody/elses:" + "images"}); err != nil {
		t.Fatal(err)
	}
	label := "LABEL davit.installation=" + installation
	none := map[string][]byte{"none": nil}
	// What is built FROM one of ours inherits its labels.
	importImage(t, api, "somebody/derived:images", none, label, "LABEL davit.instance=ins_a", "LABEL davit.deployment=dep_images3")
	importImage(t, api, "", none, label, "LABEL davit.instance=ins_a", "LABEL davit.deployment=dep_images4")
	importImage(t, api, "davit/ins_a:dep_images5", none, label)
	builtImage(t, api, "another-"+installation, "ins_a", "dep_images6")
	list, err := e.Images(t.Context())
	if want := []runner.BuiltImage{{ID: ours, Deployment: "dep_images1"}}; err != nil || !slices.Equal(list, want) {
		t.Errorf("listed %v, %v, want %v", list, err, want)
	}
}
