package secret

// Place says where a sealed value belongs.
type Place struct{ Table, Row, Field string }

func (p Place) data() []byte { return []byte(p.Table + "|" + p.Row + "|" + p.Field) }

// The places of what rows keep sealed. They never change: what was sealed for
// one can be opened for no other.

// VariablePlace is where the values of a variable belong, all its versions.
func VariablePlace(id string) Place { return Place{Table: "variables", Row: id, Field: "value"} }

// FilePlace is where the content of a version of a config file belongs.
func FilePlace(versionID string) Place {
	return Place{Table: "file_versions", Row: versionID, Field: "content"}
}

// RegistryPlace is where the password of a registry credential belongs.
func RegistryPlace(id string) Place {
	return Place{Table: "registry_credentials", Row: id, Field: "password"}
}

// GitPlace is where the secret of a git credential belongs: a token or a key.
func GitPlace(id string) Place { return Place{Table: "git_credentials", Row: id, Field: "secret"} }
