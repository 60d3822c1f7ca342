package build_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/davitdev/davit/internal/build"
	"github.com/davitdev/davit/internal/fault"
)

// That an image is on the machine says nothing of who may have it.
func TestAnImageOnTheMachineIsAskedForByWhoBuilds(t *testing.T) {
	t.Parallel()
	api := engine(t)
	const private, other = "davit-test.invalid/tenant/private:v1", "davit-test.invalid/tenant/private:v2"
	base(t, api, private, "secret")
	sum := "@sha256:" + strings.Repeat("0", 64)
	for name, tt := range map[string]struct {
		text  string
		asked []string
	}{
		"FROM":            {"FROM " + private + "\nCOPY f /f", []string{private}},
		"an earlier one":  {"FROM " + private + " AS a\nFROM scratch\nCOPY --from=a /base /", []string{private}},
		"COPY":            {"FROM scratch\nCOPY --from=" + private + " /base /", []string{private}},
		"a mount":         {"FROM debian:bookworm-slim\nRUN --mount=from=" + private + ",target=/x cp /x/base /", []string{private, "docker.io/library/debian:bookworm-slim"}},
		"a variable":      {"ARG I=" + private + "\nFROM $I\nCOPY f /f", []string{private}},
		"a trigger":       {"FROM scratch AS a\nONBUILD COPY --from=" + private + " /base /\nFROM a", []string{private}},
		"a digest":        {"FROM davit-test.invalid/tenant/private" + sum + "\nCOPY f /f", []string{"davit-test.invalid/tenant/private" + sum}},
		"tag and digest":  {"FROM " + private + sum + "\nCOPY f /f", []string{private + sum}},
		"two of one name": {"FROM " + private + " AS a\nFROM scratch\nCOPY --from=a /base /a\nCOPY --from=" + private + " /base /b", []string{private}},
		"another one":     {"# syntax=docker/dockerfile:1\nFROM " + other + "\nCOPY f /f", []string{other}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			var asked []string
			req := request(t, map[string]string{"Dockerfile": tt.text + "\n", "f": ""}, build.Options{})
			req.Readable = func(_ context.Context, image string) error {
				mu.Lock()
				defer mu.Unlock()
				asked = append(asked, image)
				if strings.Contains(image, "/tenant/") {
					return errors.New("runner: the registry refuses access to the image")
				}
				return nil
			}
			_, err := buildKit(api).Build(t.Context(), req, &heard{})
			wantFault(t, err, fault.ImageUnauthorized, "davit-test.invalid/tenant/private")
			slices.Sort(asked)
			if !slices.Equal(asked, tt.asked) && !slices.Equal(asked, []string{private}) { // the first refusal ends it
				t.Errorf("asked was for %q, want %q", asked, tt.asked)
			}
		})
	}
}

func TestWhoMayReadAnImageBuildsOnTheOneOfTheMachine(t *testing.T) {
	t.Parallel()
	api := engine(t)
	const image = "davit-test.invalid/tenant/own:v1"
	base(t, api, image, "own")
	req := request(t, map[string]string{"Dockerfile": "FROM " + image + "\nCOPY --from=" + image + " /base /again\n"}, build.Options{})
	req.Readable = func(context.Context, string) error { return nil }
	result, _ := built(t, api, req)
	if got := filesOf(t, api, result.Image); got["base"] != "own" || got["again"] != "own" {
		t.Errorf("it has %q", got)
	}

	ours := fault.New(fault.RunnerAway, "The engine is away.")
	req = request(t, map[string]string{"Dockerfile": "FROM " + image + "\nCOPY Dockerfile /\n"}, build.Options{})
	req.Readable = func(context.Context, string) error { return ours }
	_, err := buildKit(api).Build(t.Context(), req, &heard{})
	wantFault(t, err, fault.RunnerAway, "The engine is away.")
}
