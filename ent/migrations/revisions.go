package migrations

import (
	"context"
	"fmt"
	"strings"
	"time"

	"ariga.io/atlas/sql/migrate"
	atlas "ariga.io/atlas/sql/schema"
	"entgo.io/ent/dialect"
)

// table remembers which files were applied. It is not part of the ent schema.
const table = "schema_revisions"

// revisions is where atlas reads and writes what was applied.
type revisions struct {
	conn        atlas.ExecQuerier
	placeholder string // "?", or "$" for numbered ones
}

// newRevisions reads and writes by way of q.
func newRevisions(q atlas.ExecQuerier, name string) *revisions {
	if name == dialect.Postgres {
		return &revisions{conn: q, placeholder: "$"}
	}
	return &revisions{conn: q, placeholder: "?"}
}

func (r *revisions) init(ctx context.Context) error {
	_, err := r.conn.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS `+table+` (
		version varchar(64) PRIMARY KEY, description varchar(255) NOT NULL, applied int NOT NULL, total int NOT NULL,
		executed_at varchar(40) NOT NULL, hash varchar(128) NOT NULL, error text NOT NULL)`)
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}

// bind replaces each ? with what the dialect wants.
func (r *revisions) bind(query string) string {
	if r.placeholder == "?" {
		return query
	}
	for i := 1; strings.Contains(query, "?"); i++ {
		query = strings.Replace(query, "?", fmt.Sprintf("$%d", i), 1)
	}
	return query
}

func (*revisions) Ident() *migrate.TableIdent { return &migrate.TableIdent{Name: table} }

func (r *revisions) ReadRevisions(ctx context.Context) ([]*migrate.Revision, error) {
	return r.read(ctx, "")
}

func (r *revisions) ReadRevision(ctx context.Context, version string) (*migrate.Revision, error) {
	out, err := r.read(ctx, "WHERE version = ?", version)
	if err != nil {
		return nil, err
	}
	if len(out) == 0 {
		return nil, migrate.ErrRevisionNotExist
	}
	return out[0], nil
}

func (r *revisions) read(ctx context.Context, where string, args ...any) ([]*migrate.Revision, error) {
	rows, err := r.conn.QueryContext(ctx, r.bind("SELECT version, description, applied, total, executed_at, hash, error FROM "+table+" "+where+" ORDER BY version"), args...)
	if err != nil {
		return nil, fmt.Errorf("migrate: read revisions: %w", err)
	}
	defer rows.Close()
	var out []*migrate.Revision
	for rows.Next() {
		var v migrate.Revision
		var at string
		if err := rows.Scan(&v.Version, &v.Description, &v.Applied, &v.Total, &at, &v.Hash, &v.Error); err != nil {
			return nil, fmt.Errorf("migrate: read revisions: %w", err)
		}
		if v.ExecutedAt, err = time.Parse(time.RFC3339Nano, at); err != nil {
			return nil, fmt.Errorf("migrate: read revisions: %w", err)
		}
		out = append(out, &v)
	}
	return out, rows.Err()
}

// WriteRevision writes what was applied as a whole. atlas calls it after each
// statement, too, and after one that failed: of those the transaction leaves
// nothing.
func (r *revisions) WriteRevision(ctx context.Context, v *migrate.Revision) error {
	if v.Applied < v.Total {
		return nil
	}
	if err := r.DeleteRevision(ctx, v.Version); err != nil {
		return err
	}
	_, err := r.conn.ExecContext(ctx, r.bind("INSERT INTO "+table+" (version, description, applied, total, executed_at, hash, error) VALUES (?, ?, ?, ?, ?, ?, ?)"),
		v.Version, v.Description, v.Applied, v.Total, v.ExecutedAt.UTC().Format(time.RFC3339Nano), v.Hash, v.Error)
	if err != nil {
		return fmt.Errorf("migrate: write revision: %w", err)
	}
	return nil
}

func (r *revisions) DeleteRevision(ctx context.Context, version string) error {
	if _, err := r.conn.ExecContext(ctx, r.bind("DELETE FROM "+table+" WHERE version = ?"), version); err != nil {
		return fmt.Errorf("migrate: delete revision: %w", err)
	}
	return nil
}
