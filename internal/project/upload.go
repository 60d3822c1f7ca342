package project

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/ent/artifact"
	"github.com/davitdev/davit/ent/service"
	"github.com/davitdev/davit/internal/access"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/lazy"
	"github.com/davitdev/davit/internal/principal"
	"github.com/davitdev/davit/internal/spec"
	"github.com/davitdev/davit/internal/store"
)

const (
	// MaxUpload is the largest archive of a source, in bytes.
	MaxUpload = 512 << 20
	// UploadTime is how long the URL of an upload works.
	UploadTime = time.Hour
	// maxAnnounced is how many uploads of a service may be announced and not yet
	// sent: of more the oldest are forgotten.
	maxAnnounced = 20

	maxFilename = 255 // bytes
)

var hexSum = lazy.Regexp(`^[0-9a-f]{64}$`)

// NewUpload announces an archive.
type NewUpload struct {
	ServiceID string
	Filename  string // to show; it names no file
	SizeBytes int64
	SHA256    string // of the archive, in lower-case hexadecimal
}

// Upload is an announced archive and the secret with which it may be sent.
type Upload struct {
	Artifact *ent.Artifact
	Token    string // "" if the archive is there already
}

// CreateUpload announces an archive of a service's source. An archive that the
// service has received before needs no sending: the artifact it became is
// returned, without a token. Otherwise whoever has the token may send it for
// UploadTime.
func (s *Service) CreateUpload(ctx context.Context, in NewUpload) (Upload, error) {
	svc, err := access.Service(ctx, s.DB.Client, access.Deploy, in.ServiceID)
	if err != nil {
		return Upload{}, err
	}
	if err := checkUpload(in); err != nil {
		return Upload{}, err
	}
	var up Upload
	err = s.DB.Tx(ctx, func(tx *store.Tx) error {
		up = Upload{}
		svc, err := access.LockService(ctx, tx, svc.ID)
		if err != nil {
			return err
		}
		up.Artifact, err = tx.Artifact.Query().
			Where(artifact.ServiceID(svc.ID), artifact.Sha256(in.SHA256), artifact.ReceivedAtNotNil()).
			Order(artifact.ByID()).First(ctx)
		if err == nil {
			return becomeSource(ctx, tx, svc, up.Artifact)
		}
		if !ent.IsNotFound(err) {
			return fmt.Errorf("find artifact: %w", err)
		}
		up, err = announce(ctx, tx, svc, in)
		return err
	})
	if err != nil {
		return Upload{}, err
	}
	up.Artifact = up.Artifact.Unwrap() // may be asked for more after the transaction
	return up, nil
}

// announce writes what will be sent, and forgets what never was.
func announce(ctx context.Context, tx *store.Tx, svc *ent.Service, in NewUpload) (Upload, error) {
	now := time.Now().UTC().Truncate(time.Microsecond)
	_, err := tx.Artifact.Delete().Where(artifact.ServiceID(svc.ID), artifact.ReceivedAtIsNil(), artifact.ExpiresAtLT(now)).Exec(ctx)
	if err != nil {
		return Upload{}, fmt.Errorf("forget expired uploads: %w", err)
	}
	older, err := tx.Artifact.Query().Where(artifact.ServiceID(svc.ID), artifact.ReceivedAtIsNil()).
		Order(ent.Desc(artifact.FieldID)).Offset(maxAnnounced - 1).IDs(ctx)
	if err != nil {
		return Upload{}, fmt.Errorf("find older uploads: %w", err)
	}
	if _, err := tx.Artifact.Delete().Where(artifact.IDIn(older...)).Exec(ctx); err != nil {
		return Upload{}, fmt.Errorf("forget older uploads: %w", err)
	}
	token := rand.Text()
	a, err := tx.Artifact.Create().SetProjectID(svc.ProjectID).SetServiceID(svc.ID).SetName(in.Filename).
		SetSha256(in.SHA256).SetSizeBytes(in.SizeBytes).SetUploadHash(uploadHash(token)).SetExpiresAt(now.Add(UploadTime)).
		SetNillableCreatedByID(principal.UserID(ctx)).Save(ctx)
	if err != nil {
		return Upload{}, fmt.Errorf("create artifact: %w", err)
	}
	return Upload{Artifact: a, Token: token}, nil
}

// ExpectedUpload returns what the token of an upload is for. A token that is
// unknown, used or expired fails with UPLOAD_EXPIRED, always in the same
// words. The token is the permission: the caller's principal must be the
// system's.
func (s *Service) ExpectedUpload(ctx context.Context, token string) (*ent.Artifact, error) {
	a, err := s.DB.Artifact.Query().
		Where(artifact.UploadHash(uploadHash(token)), artifact.ReceivedAtIsNil(), artifact.ExpiresAtGT(time.Now().UTC())).Only(ctx)
	if ent.IsNotFound(err) {
		return nil, uploadExpired()
	}
	if err != nil {
		return nil, fmt.Errorf("find upload: %w", err)
	}
	return a, nil
}

// ReceiveUpload notes, exactly once, that an archive has arrived and is kept,
// and ends its token. From then on it can be deployed, and is the source of a
// service that comes from uploads. Whoever comes second gets UPLOAD_EXPIRED.
func (s *Service) ReceiveUpload(ctx context.Context, id string) (*ent.Artifact, error) {
	err := s.DB.Tx(ctx, func(tx *store.Tx) error {
		n, err := tx.Artifact.Update().Where(artifact.ID(id), artifact.ReceivedAtIsNil(), artifact.UploadHashNotNil()).
			SetReceivedAt(time.Now().UTC().Truncate(time.Microsecond)).ClearUploadHash().ClearExpiresAt().Save(ctx)
		if err != nil {
			return fmt.Errorf("receive upload: %w", err)
		}
		if n == 0 {
			return uploadExpired()
		}
		a, err := tx.Artifact.Query().Where(artifact.ID(id)).Only(ctx)
		if err != nil {
			return fmt.Errorf("load artifact: %w", err)
		}
		svc, err := access.LockService(ctx, tx, a.ServiceID)
		if err != nil {
			return err
		}
		return becomeSource(ctx, tx, svc, a)
	})
	if err != nil {
		return nil, err
	}
	return s.DB.Artifact.Query().Where(artifact.ID(id)).Only(ctx)
}

// becomeSource makes the next deployments of a locked service that comes from
// uploads come from a. A service that comes from elsewhere stays as it is.
func becomeSource(ctx context.Context, tx *store.Tx, svc *ent.Service, a *ent.Artifact) error {
	if svc.Source.Image != nil || svc.Source.Git != nil || svc.Source.Upload != nil && svc.Source.Upload.ArtifactID == a.ID {
		return nil
	}
	err := tx.Service.Update().Where(service.ID(svc.ID)).SetSource(spec.Source{Upload: &spec.UploadSource{ArtifactID: a.ID}}).AddVersion(1).Exec(ctx)
	if err != nil {
		return fmt.Errorf("set source: %w", err)
	}
	return tx.Record(ctx, store.Event{
		Scope: serviceScope(svc), Type: "service.source_uploaded", SubjectID: svc.ID,
		Message: fmt.Sprintf("%s was uploaded as the source of %s.", a.Name, svc.Name),
	})
}

func checkUpload(in NewUpload) error {
	switch {
	case in.Filename == "" || len(in.Filename) > maxFilename || !utf8.ValidString(in.Filename) ||
		strings.ContainsFunc(in.Filename, func(r rune) bool { return unicode.IsControl(r) || r == '/' || r == '\\' }):
		return fault.At("filename", fault.Invalid, "A file name has 1 to %d bytes, no slash and no control character.", maxFilename)
	case in.SizeBytes < 1:
		return fault.At("sizeBytes", fault.Invalid, "The size of an upload is at least one byte.")
	case in.SizeBytes > MaxUpload:
		return fault.At("sizeBytes", fault.RequestTooLarge, "An upload has at most %d MiB: name what is not needed in .gitignore or .dockerignore.", MaxUpload>>20)
	case !hexSum().MatchString(in.SHA256):
		return fault.At("sha256", fault.Invalid, "A SHA-256 has 64 lower-case hexadecimal digits.")
	}
	return nil
}

func uploadHash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

func uploadExpired() error {
	return fault.New(fault.UploadExpired, "This upload URL is unknown, was used already or has expired: ask for another with createUpload.")
}
