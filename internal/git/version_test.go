package git

import "testing"

func TestAnOldGitIsNotUsed(t *testing.T) {
	t.Parallel()
	for version, ok := range map[string]bool{
		"git version 2.39.5\n": true, "git version 2.37.0": true, "git version 2.50.1 (Apple Git-155)": true, "git version 3.0.0": true,
		"git version 2.36.6": false, "git version 1.8.3.1": false, "": false, "nonsense": false,
	} {
		if pins(version) != ok {
			t.Errorf("%q: %t", version, !ok)
		}
	}
}
