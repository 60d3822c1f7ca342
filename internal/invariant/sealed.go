package invariant

import (
	"context"
	"errors"
	"fmt"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/ent/fileversion"
	"github.com/davitdev/davit/ent/gitcredential"
	"github.com/davitdev/davit/ent/registrycredential"
	"github.com/davitdev/davit/ent/serviceinstance"
	"github.com/davitdev/davit/ent/variableversion"
	"github.com/davitdev/davit/internal/secret"
	"github.com/davitdev/davit/internal/spec"
)

// The promises about sealed values.
const (
	opens       = "What is sealed can be opened with the key of the installation."
	keepsValues = "The values of a deployment that serves, or that can be rolled back to, are kept."
	restoreKey  = "Restore the secret-key file that was there when they were set, or set them again."
)

// sealedRow is a row with a sealed value.
type sealedRow struct {
	id    string
	place secret.Place
	value []byte
}

// sealed opens every sealed value, and looks for those that deployments have.
func (c *Checker) sealed(ctx context.Context) (n int, found []Finding, err error) {
	there := map[string]bool{}
	for _, next := range []func(context.Context, string) ([]sealedRow, error){c.variableValues, c.fileContents, c.registryPasswords, c.gitSecrets} {
		var failed int
		var first Finding
		for after := ""; ; {
			rows, err := next(ctx, after)
			if err != nil {
				return n, found, fmt.Errorf("read sealed values: %w", err)
			}
			for _, r := range rows {
				there[r.id] = true
				if err := c.open(r); err != nil {
					if failed++; failed == 1 {
						first = Finding{Rule: opens, Object: r.id, Seen: "It cannot be opened: " + err.Error(), Do: restoreKey}
					}
				}
			}
			n += len(rows)
			if len(rows) < batch {
				break
			}
			after = rows[len(rows)-1].id
		}
		if failed > 0 { // with a wrong key it is all of them
			if failed > 1 {
				first.Seen += fmt.Sprintf(", and so are %d more of its kind", failed-1)
			}
			first.Seen += "."
			found = append(found, first)
		}
	}
	gone, err := c.valuesGone(ctx, there)
	return n, append(found, gone...), err
}

func (c *Checker) open(r sealedRow) error {
	if c.Keys == nil {
		return errors.New("the key is not there")
	}
	_, err := c.Keys.Open(r.place, r.value)
	return err
}

// valuesGone finds what instances and deployments name and is not there.
func (c *Checker) valuesGone(ctx context.Context, there map[string]bool) (found []Finding, err error) {
	gone := func(object, what, id string) {
		if !there[id] {
			found = append(found, Finding{Rule: keepsValues, Object: object, Seen: fmt.Sprintf("%s (%s) is not there.", what, id), Do: "Set it again, and deploy."})
		}
	}
	files := func(object string, list []spec.ConfigFile) {
		for _, f := range list {
			gone(object, "What the config file "+f.Path+" holds", f.VersionID)
		}
	}
	err = c.verbs().EachKept(ctx, func(d *ent.Deployment) {
		files(d.ID, d.Settings.ConfigFiles)
		for _, v := range d.Variables {
			gone(d.ID, "The value of "+v.Name, v.VersionID)
		}
	})
	if err != nil {
		return found, err
	}
	for after := ""; ; {
		rows, err := c.DB.ServiceInstance.Query().Where(serviceinstance.IDGT(after)).Order(serviceinstance.ByID()).Limit(batch).
			Select(serviceinstance.FieldID, serviceinstance.FieldSettings).All(ctx)
		if err != nil {
			return found, fmt.Errorf("read instances: %w", err)
		}
		for _, i := range rows {
			files(i.ID, i.Settings.ConfigFiles)
		}
		if len(rows) < batch {
			return found, nil
		}
		after = rows[len(rows)-1].ID
	}
}

func (c *Checker) variableValues(ctx context.Context, after string) (out []sealedRow, err error) {
	rows, err := c.DB.VariableVersion.Query().Where(variableversion.IDGT(after)).Order(variableversion.ByID()).Limit(batch).All(ctx)
	for _, r := range rows {
		out = append(out, sealedRow{r.ID, secret.VariablePlace(r.VariableID), r.Sealed})
	}
	return out, err
}

func (c *Checker) fileContents(ctx context.Context, after string) (out []sealedRow, err error) {
	rows, err := c.DB.FileVersion.Query().Where(fileversion.IDGT(after)).Order(fileversion.ByID()).Limit(batch).All(ctx)
	for _, r := range rows {
		out = append(out, sealedRow{r.ID, secret.FilePlace(r.ID), r.Sealed})
	}
	return out, err
}

func (c *Checker) registryPasswords(ctx context.Context, after string) (out []sealedRow, err error) {
	rows, err := c.DB.RegistryCredential.Query().Where(registrycredential.IDGT(after)).Order(registrycredential.ByID()).Limit(batch).All(ctx)
	for _, r := range rows {
		out = append(out, sealedRow{r.ID, secret.RegistryPlace(r.ID), r.Password})
	}
	return out, err
}

func (c *Checker) gitSecrets(ctx context.Context, after string) (out []sealedRow, err error) {
	rows, err := c.DB.GitCredential.Query().Where(gitcredential.IDGT(after)).Order(gitcredential.ByID()).Limit(batch).All(ctx)
	for _, r := range rows {
		out = append(out, sealedRow{r.ID, secret.GitPlace(r.ID), r.Secret})
	}
	return out, err
}
