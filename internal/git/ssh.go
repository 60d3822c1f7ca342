package git

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// SSHProgram is the name under which this program is run by git in the place
// of ssh: a program has no arguments of ours then, and no shell is needed to
// give it some.
const SSHProgram = "davit-ssh"

// What SSH learns from Git.
const (
	envAddrs      = "DAVIT_SSH_ADDRS" // host:port, separated by commas
	envKey        = "DAVIT_SSH_KEY"   // in PEM
	envKnownHosts = "DAVIT_SSH_KNOWN_HOSTS"
)

// What SSH says when it fails, for explain.
const (
	unauthorizedKey = "davit-ssh: the key is not accepted"
	hostKeyChanged  = "davit-ssh: the key of the host has changed"
)

// SSH is the main function of SSHProgram: it runs the one command that git
// asks for on the host that Git resolved, and returns the status to exit with.
func SSH(ctx context.Context, args []string, getenv func(string) string) int {
	err := runSSH(ctx, args, getenv)
	if exit, ok := errors.AsType[*ssh.ExitError](err); ok {
		return exit.ExitStatus()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 255
	}
	return 0
}

func runSSH(ctx context.Context, args []string, getenv func(string) string) error {
	user, host, command, err := readSSH(args)
	if err != nil {
		return err
	}
	config := &ssh.ClientConfig{User: user, Timeout: 20 * time.Second}
	if key := getenv(envKey); key != "" {
		signer, err := ssh.ParsePrivateKey([]byte(key))
		if err != nil {
			return errors.New(unauthorizedKey)
		}
		config.Auth = []ssh.AuthMethod{ssh.PublicKeys(signer)}
	}
	client, err := dialSSH(ctx, strings.Split(getenv(envAddrs), ","), host, config, getenv(envKnownHosts))
	if err != nil {
		return err
	}
	defer client.Close()
	session, err := client.NewSession()
	if err != nil {
		return fmt.Errorf("davit-ssh: %w", err)
	}
	defer session.Close()
	if v := getenv("GIT_PROTOCOL"); v != "" {
		_ = session.Setenv("GIT_PROTOCOL", v) // many servers refuse it, and speak version 0
	}
	in, err := session.StdinPipe()
	if err != nil {
		return fmt.Errorf("davit-ssh: %w", err)
	}
	session.Stdout, session.Stderr = os.Stdout, os.Stderr
	if err := session.Start(command); err != nil {
		return fmt.Errorf("davit-ssh: %w", err)
	}
	go func() { // ends with the process
		_, _ = io.Copy(in, os.Stdin)
		_ = in.Close()
	}()
	return session.Wait()
}

// readSSH reads the arguments of OpenSSH that git gives.
func readSSH(args []string) (user, host, command string, err error) {
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		switch args[0] {
		case "-o", "-p": // SendEnv=GIT_PROTOCOL, and the port, which is in the addresses
			args = args[min(2, len(args)):]
		case "-4", "-6":
			args = args[1:]
		default:
			return "", "", "", fmt.Errorf("davit-ssh: unknown option %q", args[0])
		}
	}
	if len(args) != 2 || !strings.HasPrefix(args[1], "git-upload-pack ") {
		return "", "", "", errors.New("davit-ssh: only git may run this, to read a repository")
	}
	user, host, ok := strings.Cut(args[0], "@")
	if !ok {
		return "", "", "", errors.New("davit-ssh: nobody to sign in as")
	}
	return user, host, args[1], nil
}

// dialSSH connects to the first address that answers.
func dialSSH(ctx context.Context, addrs []string, host string, config *ssh.ClientConfig, file string) (*ssh.Client, error) {
	var errs []error
	for _, addr := range addrs {
		conn, err := (&net.Dialer{Timeout: config.Timeout}).DialContext(ctx, "tcp", addr)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		_, port, err := net.SplitHostPort(addr)
		if err != nil {
			return nil, err
		}
		name := net.JoinHostPort(strings.Trim(host, "[]"), port)
		known, err := readHosts(file)
		if err != nil {
			return nil, err
		}
		config.HostKeyCallback, config.HostKeyAlgorithms = known.check, known.algorithms(name)
		if err := conn.SetDeadline(time.Now().Add(config.Timeout)); err != nil { // of the handshake
			return nil, fmt.Errorf("davit-ssh: %w", err)
		}
		c, channels, requests, err := ssh.NewClientConn(conn, name, config)
		if err == nil {
			err = conn.SetDeadline(time.Time{})
		}
		if err != nil {
			conn.Close()
			if strings.Contains(err.Error(), "unable to authenticate") {
				return nil, errors.New(unauthorizedKey)
			}
			return nil, fmt.Errorf("davit-ssh: %w", err)
		}
		return ssh.NewClient(c, channels, requests), nil
	}
	return nil, fmt.Errorf("davit-ssh: %w", errors.Join(errs...))
}

// hosts are the keys of known hosts. A host that is met for the first time is
// believed and remembered.
type hosts struct {
	file  string
	known ssh.HostKeyCallback
}

// readHosts reads the file of known hosts, which is made if it is missing.
func readHosts(file string) (*hosts, error) {
	f, err := os.OpenFile(file, os.O_RDONLY|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("davit-ssh: %w", err)
	}
	defer f.Close()
	known, err := knownhosts.New(file)
	if err != nil {
		return nil, fmt.Errorf("davit-ssh: %w", err)
	}
	return &hosts{file, known}, nil
}

func (h *hosts) check(name string, addr net.Addr, key ssh.PublicKey) error {
	if met, err := h.knows(name, addr, key); met || err != nil {
		return err
	}
	return h.remember(name, addr, key)
}

// knows reports whether the host was met before, and fails if it had another
// key then.
func (h *hosts) knows(name string, addr net.Addr, key ssh.PublicKey) (bool, error) {
	err := h.known(name, addr, key)
	unknown, ok := errors.AsType[*knownhosts.KeyError](err)
	switch {
	case !ok:
		return err == nil, err
	case len(unknown.Want) > 0:
		return false, errors.New(hostKeyChanged)
	}
	return false, nil
}

// remember writes down the key of a host. The file is locked for that moment
// only, never while a host is waited for; somebody else may have met the same
// host just before.
func (h *hosts) remember(name string, addr net.Addr, key ssh.PublicKey) error {
	f, err := os.OpenFile(h.file, os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("davit-ssh: %w", err)
	}
	defer f.Close()
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil { //nolint:gosec // a descriptor
		return fmt.Errorf("davit-ssh: %w", err)
	}
	now, err := readHosts(h.file)
	if err != nil {
		return err
	}
	if met, err := now.knows(name, addr, key); met || err != nil {
		return err
	}
	_, err = fmt.Fprintln(f, knownhosts.Line([]string{knownhosts.Normalize(name)}, key))
	return errors.Join(err, f.Sync())
}

// algorithms are those of the keys that are known of a host: it may have
// others that are not. None are known of a new one, and all may be used.
func (h *hosts) algorithms(name string) []string {
	err := h.known(name, &net.TCPAddr{}, noKey{})
	e, ok := errors.AsType[*knownhosts.KeyError](err)
	if !ok {
		return nil
	}
	var out []string
	for _, k := range e.Want {
		if k.Key.Type() == ssh.KeyAlgoRSA {
			out = append(out, ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256)
			continue
		}
		out = append(out, k.Key.Type())
	}
	return out
}

// noKey is like no key that any host has.
type noKey struct{ ssh.PublicKey }

func (noKey) Type() string                        { return "none" }
func (noKey) Marshal() []byte                     { return []byte("none") }
func (noKey) Verify([]byte, *ssh.Signature) error { return errors.New("no key") }
