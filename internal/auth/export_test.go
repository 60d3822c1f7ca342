package auth

// HashOf is what is kept of a secret.
func HashOf(secret string) string { return hash(secret) }
