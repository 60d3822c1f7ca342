package secret

import "testing"

// What rows hold was sealed for these very bytes.
func TestThePlacesOfRowsStayWhatTheyAre(t *testing.T) {
	t.Parallel()
	for want, p := range map[string]Place{
		"variables|id|value":               VariablePlace("id"),
		"file_versions|id|content":         FilePlace("id"),
		"registry_credentials|id|password": RegistryPlace("id"),
		"git_credentials|id|secret":        GitPlace("id"),
	} {
		if got := string(p.data()); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
