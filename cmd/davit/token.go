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
	"github.com/davitdev/davit/internal/durable"
)

// operatorToken is the token from the environment, else the one in the data
// directory, else a fresh one. It is kept in the directory (0600) for commands
// on the same machine. first reports whether the directory had none before.
func operatorToken(c config.Config) (token string, first bool, err error) {
	text, err := os.ReadFile(c.TokenFile())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", false, fmt.Errorf("read operator token: %w", err)
	}
	kept := strings.TrimSpace(string(text))
	token = c.AdminToken
	switch {
	case token == "" && kept != "":
		return kept, false, nil
	case token == "":
		token = auth.NewToken()
	case token == kept:
		return token, false, nil
	}
	if err := durable.Replace(c.TokenFile(), []byte(token+"\n")); err != nil {
		return "", false, fmt.Errorf("write operator token: %w", err)
	}
	return token, kept == "", nil
}
