package detect

import "testing"

// What RUN would read as options or a here-document is given to it as a list.
func TestWhatRunTakesAsItIs(t *testing.T) {
	t.Parallel()

	for command, plain := range map[string]bool{
		"npm run build": true, "a && \\\n  b": true, "a | b": true,
		"": false, "--mount=type=ssh x": false, "\\\n--mount=type=bind,from=other x": false, `["a"]`: false, "# x": false,
		"cat <<EOF": false, "a\nUSER root": false, "a \\": false, "a \\\n# b": false,
	} {
		if got := plainRun(command); got != plain {
			t.Errorf("plainRun(%q) = %t", command, got)
		}
	}
}
