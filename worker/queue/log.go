package queue

import (
	"fmt"
	"log/slog"

	"github.com/hibiken/asynq"
)

// logger passes asynq's lines on, a level lower than asynq rates them: what
// matters is in the rows and logged by the handlers, and asynq calls a Redis
// that is away an error every few seconds.
type logger struct{ log *slog.Logger }

var _ asynq.Logger = logger{}

// Debug logs below what a production log shows.
func (l logger) Debug(args ...any) { l.log.Debug("asynq", "line", fmt.Sprint(args...)) }

// Info logs asynq's small talk.
func (l logger) Info(args ...any) { l.log.Debug("asynq", "line", fmt.Sprint(args...)) }

// Warn logs what asynq copes with itself.
func (l logger) Warn(args ...any) { l.log.Info("asynq", "line", fmt.Sprint(args...)) }

// Error logs mostly that Redis is away.
func (l logger) Error(args ...any) { l.log.Warn("asynq", "line", fmt.Sprint(args...)) }

// Fatal logs; ending the process is not asynq's to decide.
func (l logger) Fatal(args ...any) { l.log.Error("asynq", "line", fmt.Sprint(args...)) }
