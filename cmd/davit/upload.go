//go:build unix

package main

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/graph"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/principal"
	"github.com/davitdev/davit/internal/project"
	"github.com/davitdev/davit/internal/source"
)

// uploads receives archives at the one-time URLs that createUpload gives out.
// The URL is the permission: no token is asked for.
type uploads struct {
	projects *project.Service
	store    *source.Store
	receipts receipts
	log      *slog.Logger
}

// ServeHTTP keeps the body of PUT /uploads/{token} and burns the token. What
// breaks off may be sent again; of two that send at the same time the second.
func (u *uploads) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a, err := u.receive(w, r)
	if err != nil {
		// What is left of the body is not worth reading.
		w.Header().Set("Connection", "close")
		u.fail(w, r, err)
		return
	}
	writeJSON(w, http.StatusCreated, map[string]any{
		"artifact": map[string]any{"id": a.ID, "sha256": a.Sha256, "sizeBytes": a.SizeBytes, "receivedAt": a.ReceivedAt},
	})
}

func (u *uploads) receive(w http.ResponseWriter, r *http.Request) (*ent.Artifact, error) {
	if r.Method != http.MethodPut {
		w.Header().Set("Allow", http.MethodPut)
		return nil, fault.New(fault.MethodNotAllowed, "An archive is sent by PUT.")
	}
	ctx := principal.AsSystem(r.Context())
	a, err := u.projects.ExpectedUpload(ctx, r.PathValue("token"))
	if err != nil {
		return nil, err
	}
	if r.ContentLength >= 0 && r.ContentLength != a.SizeBytes {
		return nil, fault.New(fault.UploadInvalid, "%d bytes were announced, not %d.", a.SizeBytes, r.ContentLength)
	}
	// Nobody can hold the connection longer than the URL works.
	deadline := time.Now().Add(project.UploadTime)
	if a.ExpiresAt != nil {
		deadline = *a.ExpiresAt
	}
	control := http.NewResponseController(w)
	if err := control.SetReadDeadline(deadline); err != nil {
		return nil, err
	}
	one, err := u.receipts.begin(a.ID, a.SizeBytes, func() { _ = control.SetReadDeadline(time.Unix(1, 0)) }) // it worked before
	if err != nil {
		return nil, err
	}
	_, err = u.store.Receive(ctx, r.Body, a.Sha256, a.SizeBytes, source.Limits{Archive: project.MaxUpload})
	if err = u.receipts.end(one, err); err != nil {
		return nil, err
	}
	return u.projects.ReceiveUpload(ctx, a.ID)
}

func (u *uploads) fail(w http.ResponseWriter, r *http.Request, err error) {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok {
		if r.Context().Err() == nil {
			u.log.ErrorContext(r.Context(), "upload failed", "err", err)
		}
		f = fault.New(fault.Internal, "Something broke on our side. The operator's log has the details.")
	}
	message := f.Message
	if f.Hint != "" {
		message += " " + f.Hint
	}
	writeJSON(w, f.Code.Info().Status, map[string]any{"error": map[string]any{"code": f.Code, "message": message}})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client may be gone
}

// withOrigin tells the API under which address the client reached it, for the
// URLs it gives out. Only that client sees them, so its word is good enough.
func withOrigin(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		scheme := "http"
		if r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https" {
			scheme = "https"
		}
		next.ServeHTTP(w, r.WithContext(graph.WithOrigin(r.Context(), scheme+"://"+r.Host)))
	})
}
