package runner

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
)

// Hash is equal for specs that make equal containers: everything but the
// epoch of whoever asks. It is stored on the container.
func (s Spec) Hash() string {
	s.Epoch = 0
	b, err := json.Marshal(s) // maps are written in key order
	if err != nil {
		return "" // a Spec holds nothing json refuses
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:16])
}
