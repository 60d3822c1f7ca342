//go:build unix

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/davitdev/davit/internal/auth"
	"github.com/davitdev/davit/internal/config"
)

// operatorToken is the token from the environment, else the one in the data
// directory, else a fresh one. It is kept in the directory (0600) for commands
// on the same machine.
func operatorToken(c config.Config) (string, error) {
	text, err := os.ReadFile(c.TokenFile())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("read operator token: %w", err)
	}
	kept := strings.TrimSpace(string(text))
	token := c.AdminToken
	switch {
	case token == "" && kept != "":
		return kept, nil
	case token == "":
		token = auth.NewToken()
	case token == kept:
		return token, nil
	}
	tmp := c.TokenFile() + ".new"
	if err := os.WriteFile(tmp, []byte(token+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("write operator token: %w", err)
	}
	if err := os.Rename(tmp, c.TokenFile()); err != nil {
		return "", fmt.Errorf("write operator token: %w", err)
	}
	return token, nil
}
