package store

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	sqldriver "database/sql/driver"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/lib/pq"

	"github.com/davitdev/davit/internal/fault"
)

// Connections to PostgreSQL.
const (
	maxConns     = 20
	maxIdleConns = 4
	// connLife is how long a connection is used: one to a server that has become
	// a standby, or that a name does not lead to any more, goes.
	connLife = time.Minute
)

const (
	// reachLimit is how long PostgreSQL may take to answer somebody who opens it.
	reachLimit = 15 * time.Second
	// answerSpare is how long a server may say nothing while somebody waits for
	// it, beyond the time for which a statement waits for a lock.
	answerSpare = 5 * time.Second
	// migrateTime is likewise how long it may take to change a table.
	migrateTime = time.Hour
	// silentTime is how long a server that let nobody in is not asked again:
	// those who wait for a connection would each wait for it anew.
	silentTime = time.Second
)

// lockTimeout is the setting by which nobody waits for a lock for ever.
const lockTimeout = "lock_timeout"

// sessionLimits are for each session: besides, no process that is held up in the
// middle of a transaction keeps the locks of it. The URL may say otherwise.
var sessionLimits = map[string]string{lockTimeout: "30s", "idle_in_transaction_session_timeout": "1min"}

// parameters are for each connection: an address behind which nobody is does not
// hold up anybody, what is said is said to nobody else, and after a failover it is
// said to the server that takes it. The URL may say otherwise.
var parameters = map[string]string{
	"connect_timeout": "10", "fallback_application_name": "davit", "sslmode": "require", "target_session_attrs": "read-write",
}

func isPostgres(target string) bool {
	return strings.HasPrefix(target, "postgres://") || strings.HasPrefix(target, "postgresql://")
}

// openPostgres connects to PostgreSQL with further settings, whatever the URL
// says of them, and returns once it has answered. The server may take spare for
// what it does beyond waiting for locks.
func openPostgres(ctx context.Context, target string, settings map[string]string, spare time.Duration) (*sql.DB, error) {
	connector, err := newPostgres(target, settings, spare)
	if err != nil {
		return nil, err
	}
	pool := sql.OpenDB(connector)
	pool.SetMaxOpenConns(maxConns)
	pool.SetMaxIdleConns(maxIdleConns)
	pool.SetConnMaxLifetime(connLife)
	if err := reach(ctx, pool); err != nil {
		pool.Close()
		return nil, err
	}
	return pool, nil
}

// postgres opens connections to a server.
type postgres struct {
	*pq.Connector

	settings string // statements with which each session begins

	mu     sync.Mutex
	silent time.Time // when it let nobody in
	err    error     // that it was
}

func newPostgres(target string, settings map[string]string, spare time.Duration) (*postgres, error) {
	u, err := url.Parse(target)
	if err != nil { // its text holds the password
		return nil, fault.At("database-url", fault.Invalid, "The database URL cannot be read.")
	}
	q, session := u.Query(), maps.Clone(sessionLimits)
	for name, value := range parameters {
		if !q.Has(name) {
			q.Set(name, value)
		}
	}
	for name := range sessionLimits {
		if q.Has(name) {
			session[name] = q.Get(name)
			q.Del(name)
		}
	}
	maps.Copy(session, settings)
	u.RawQuery = q.Encode()
	p := &postgres{}
	for name, value := range session { // not as parameters of the connection: PgBouncer refuses those
		p.settings += fmt.Sprintf("SET %s = %s;", pq.QuoteIdentifier(name), pq.QuoteLiteral(value))
	}
	if p.Connector, err = pq.NewConnector(u.String()); err != nil {
		return nil, fault.At("database-url", fault.Invalid, "The database URL cannot be used: %s.", strings.TrimPrefix(err.Error(), "pq: "))
	}
	p.Dialer(dialer{answer: spare + duration(session[lockTimeout])})
	return p, nil
}

// duration reads a time as PostgreSQL's settings say it. One that is none, or
// stands for no limit, counts as ours.
func duration(text string) time.Duration {
	ms, err := strconv.Atoi(text)
	d := time.Duration(ms) * time.Millisecond
	if err != nil {
		d, err = time.ParseDuration(strings.ReplaceAll(strings.ReplaceAll(text, "min", "m"), " ", ""))
	}
	if err != nil || d <= 0 {
		return duration(sessionLimits[lockTimeout])
	}
	return d
}

// Connect opens a connection. It fails at once if another attempt has just
// waited for the server in vain.
func (p *postgres) Connect(ctx context.Context) (sqldriver.Conn, error) {
	if err := p.known(); err != nil {
		return nil, err
	}
	conn, err := p.connect(ctx)
	if late, ok := errors.AsType[net.Error](err); ok && late.Timeout() && ctx.Err() == nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.silent, p.err = time.Now(), err
	}
	return conn, err
}

func (p *postgres) known() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil && time.Since(p.silent) < silentTime {
		return p.err
	}
	return nil
}

func (p *postgres) connect(ctx context.Context) (sqldriver.Conn, error) {
	conn, err := p.Connector.Connect(ctx)
	if err != nil {
		if text := err.Error(); text == "session is read-only" || text == "server is in hot standby mode" { // lib/pq's checkTSA
			err = silent(err)
		}
		return nil, err
	}
	session, ok := conn.(sqldriver.ExecerContext)
	if !ok {
		return nil, errors.Join(errors.New("store: another kind of connection"), conn.Close())
	}
	if _, err := session.ExecContext(ctx, p.settings, nil); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

// reach waits for an answer, and says what of the URL is not taken.
func reach(ctx context.Context, pool *sql.DB) error {
	ctx, cancel := context.WithTimeout(ctx, reachLimit)
	defer cancel()
	err := pool.PingContext(ctx)
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*pq.Error](err); ok {
		switch e.Code.Class() {
		case "28", "3D": // who it is, and which database
			return fault.At("database-url", fault.Invalid, "PostgreSQL refuses the database URL: %s.", e.Message)
		}
	}
	if errors.Is(err, pq.ErrSSLNotSupported) {
		return fault.At("database-url", fault.Invalid, "PostgreSQL speaks no TLS, which the database URL asks for.").
			WithHint("If nobody can listen on the way to it, add ?sslmode=disable to the URL.")
	}
	if untrusted(err) {
		return fault.At("database-url", fault.Invalid, "The certificate of PostgreSQL is not trusted: %v.", err).
			WithHint("Name the certificate of its authority with ?sslrootcert=FILE in the URL.")
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return silent(err)
	}
	return fmt.Errorf("open database: %w", away(err))
}

// untrusted reports whether err is of a certificate: of TLS, or of the driver,
// which checks the authority itself where the name does not count.
func untrusted(err error) bool {
	_, verification := errors.AsType[*tls.CertificateVerificationError](err)
	_, authority := errors.AsType[x509.UnknownAuthorityError](err)
	_, invalid := errors.AsType[x509.CertificateInvalidError](err)
	_, host := errors.AsType[x509.HostnameError](err)
	return verification || authority || invalid || host
}

// InstallationID is the id of the installation that a database has, "" for one
// that is empty, and the check of its key. The schema may be another version's.
func (db *DB) InstallationID(ctx context.Context) (id, keyCheck string, err error) {
	there := `SELECT name FROM sqlite_master WHERE type = 'table' AND name = 'installations'`
	if !db.Embedded() {
		there = `SELECT tablename FROM pg_tables WHERE schemaname = current_schema() AND tablename = 'installations'`
	}
	rows, err := db.Strings(ctx, there)
	if err == nil && len(rows) > 0 {
		rows, err = db.Strings(ctx, "SELECT id || ' ' || key_check FROM installations")
	}
	if err != nil {
		return "", "", fmt.Errorf("read the installation: %w", err)
	}
	if len(rows) == 0 {
		return "", "", nil
	}
	id, keyCheck, _ = strings.Cut(rows[0], " ")
	return id, keyCheck, nil
}
