package graph

import (
	"context"
	"strings"

	"github.com/davitdev/davit/graph/model"
	"github.com/davitdev/davit/internal/project"
)

// UploadPath is where archives are sent, one-time token last.
const UploadPath = "/uploads/"

type originKey struct{}

// WithOrigin returns ctx with the address under which a client reached this
// server, such as "https://davit.example.com". URLs of this server that are
// given to that client begin with it.
func WithOrigin(ctx context.Context, origin string) context.Context {
	return context.WithValue(ctx, originKey{}, strings.TrimSuffix(origin, "/"))
}

func (r *Resolver) createUpload(ctx context.Context, in model.CreateUploadInput) (*model.CreateUploadPayload, error) {
	up, err := r.Projects.CreateUpload(ctx, project.NewUpload{
		ServiceID: in.ServiceID, Filename: in.Filename, SizeBytes: in.SizeBytes, SHA256: in.Sha256,
	})
	out := &model.CreateUploadPayload{ClientMutationID: in.ClientMutationID, Artifact: up.Artifact}
	if up.Token != "" {
		origin, _ := ctx.Value(originKey{}).(string)
		out.UploadURL, out.ExpiresAt = ptr(origin+UploadPath+up.Token), up.Artifact.ExpiresAt
	}
	return out, err
}
