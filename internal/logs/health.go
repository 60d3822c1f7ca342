package logs

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// LokiHealth asks Loki how it is, and says what is wrong: that it does not
// answer or does not take the lines, as an error; lines it never took, in the
// message. A Log without Loki is an empty message.
func (l *Log) LokiHealth(ctx context.Context) (message string, err error) {
	if l.cold == nil {
		return "", nil
	}
	version, err := l.cold.loki.version(ctx)
	if err != nil {
		return "", err
	}
	s := &l.cold.shipper
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return "", fmt.Errorf("loki takes no lines since %s: %w", s.since.UTC().Format(time.RFC3339), s.err)
	}
	message = strings.TrimSuffix("Loki "+version, " ") + " takes the logs" // one built from source may not know which it is
	if s.refused > 0 {
		message += fmt.Sprintf(", but refused %d lines since the server started", s.refused)
	}
	if s.dropped > 0 {
		message += fmt.Sprintf(", but %d lines found no room while it was away", s.dropped)
	}
	return message + ".", nil
}
