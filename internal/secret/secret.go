// Package secret seals values at rest: AES-256-GCM with the key's id in front
// and the place the value belongs to as associated data, so that a sealed
// value copied to another row, column or table does not open.
package secret

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/davitdev/davit/internal/durable"
	"github.com/davitdev/davit/internal/fault"
)

// KeySize is the length of a key in bytes.
const KeySize = 32

const (
	format   = 1 // first byte of everything sealed
	keyIDLen = 4
)

// Box seals and opens with one key. It is safe for concurrent use.
type Box struct {
	aead  cipher.AEAD
	keyID [keyIDLen]byte
	mac   []byte // for Digest
}

// New returns a Box for a key of KeySize bytes.
func New(key []byte) (*Box, error) {
	if len(key) != KeySize {
		return nil, fmt.Errorf("secret: a key has %d bytes, not %d", KeySize, len(key))
	}
	block, err := aes.NewCipher(derive(key, "seal"))
	if err != nil {
		return nil, fmt.Errorf("secret: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("secret: %w", err)
	}
	b := &Box{aead: aead, mac: derive(key, "digest")}
	copy(b.keyID[:], derive(key, "id"))
	return b, nil
}

// Seal encrypts value for its place.
func (b *Box) Seal(p Place, value string) ([]byte, error) {
	head := make([]byte, 1+keyIDLen+b.aead.NonceSize(), 1+keyIDLen+b.aead.NonceSize()+len(value)+b.aead.Overhead())
	head[0] = format
	copy(head[1:], b.keyID[:])
	nonce := head[1+keyIDLen:]
	if _, err := rand.Read(nonce); err != nil {
		return nil, fmt.Errorf("secret: %w", err)
	}
	return b.aead.Seal(head, nonce, []byte(value), p.data()), nil
}

// Open decrypts what Seal made for the same place. It fails for another key,
// another place and anything altered.
func (b *Box) Open(p Place, sealed []byte) (string, error) {
	n := 1 + keyIDLen + b.aead.NonceSize()
	if len(sealed) < n || sealed[0] != format {
		return "", errors.New("secret: not a sealed value")
	}
	if [keyIDLen]byte(sealed[1:1+keyIDLen]) != b.keyID {
		return "", errors.New("secret: sealed with another key")
	}
	value, err := b.aead.Open(nil, sealed[1+keyIDLen:n], sealed[n:], p.data())
	if err != nil {
		return "", fmt.Errorf("secret: open %s.%s: %w", p.Table, p.Field, err)
	}
	return string(value), nil
}

// Digest is a keyed hash of a value at its place, 16 hex digits: it shows
// whether a value changed and nothing else.
func (b *Box) Digest(p Place, value string) string {
	m := hmac.New(sha256.New, b.mac)
	fmt.Fprintf(m, "%s\x00%s", p.data(), value)
	return hex.EncodeToString(m.Sum(nil)[:8])
}

// LoadKey reads the installation's key from path, or makes one (mode 0600) if
// the file is missing. Losing this file loses every secret.
func LoadKey(path string) ([]byte, error) {
	text, err := os.ReadFile(path) //nolint:gosec // the operator's own path
	if errors.Is(err, fs.ErrNotExist) {
		return makeKey(path)
	}
	if err != nil {
		return nil, fmt.Errorf("read secret key: %w", err)
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(key) != KeySize {
		return nil, fault.New(fault.Invalid, "The key file %s does not hold a base64 key of %d bytes. Restore it from a backup.", path, KeySize)
	}
	return key, nil
}

// makeKey writes a fresh key in one step: a crash leaves a whole key or none.
func makeKey(path string) ([]byte, error) {
	key := make([]byte, KeySize)
	if _, err := rand.Read(key); err != nil {
		return nil, fmt.Errorf("make secret key: %w", err)
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".key-*") // made with mode 0600
	if err != nil {
		return nil, fmt.Errorf("make secret key: %w", err)
	}
	defer os.Remove(tmp.Name()) //nolint:errcheck // gone once renamed
	_, err = fmt.Fprintln(tmp, base64.StdEncoding.EncodeToString(key))
	if err = errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return nil, fmt.Errorf("make secret key: %w", err)
	}
	if err := os.Link(tmp.Name(), path); errors.Is(err, fs.ErrExist) {
		return LoadKey(path) // somebody else was first
	} else if err != nil {
		return nil, fmt.Errorf("make secret key: %w", err)
	}
	if err := durable.SyncDir(filepath.Dir(path)); err != nil {
		return nil, fmt.Errorf("make secret key: %w", err)
	}
	return key, nil
}

// derive makes independent keys of one.
func derive(key []byte, purpose string) []byte {
	m := hmac.New(sha256.New, key)
	_, _ = m.Write([]byte("davit " + purpose))
	return m.Sum(nil)
}
