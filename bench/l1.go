package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/moby/moby/client"

	davit "github.com/davitdev/davit/internal/client"
)

const (
	// printer prints the time in microseconds, about forty times a second; both
	// are builtins of bash, so that a line leaves within microseconds.
	printer = `bash -c 'exec 3<> <(:); while :; do printf "%s\n" $EPOCHREALTIME; read -t 0.025 -u 3; done'`
	// linesATurn are read before somebody else subscribes, skipLines before they
	// count.
	linesATurn, skipLines = 30, 3
	stampLength           = len("1700000000.000000")
)

// lineToSubscriber is L1: one container prints the time; who reads it knows how
// old it is. Davit's subscriber, a bare attachment and docker logs -f take turns
// on that container, to which Davit itself stays attached.
func lineToSubscriber(ctx context.Context, b *bench) (err error) {
	d, err := install(ctx, b.program)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.remove(ctx)) }()
	s, err := d.makeService(ctx, "printer", "WORKER", fromImage("debian:bookworm-slim"), davit.Variables{"startCommand": printer})
	if err != nil {
		return err
	}
	made, err := d.deploy(ctx, s)
	if err != nil {
		return err
	}
	if err := d.live(ctx, made); err != nil {
		return err
	}
	api, err := client.New(client.FromEnv)
	if err != nil {
		return err
	}
	defer api.Close()
	container, err := containerOf(ctx, api, d.id)
	if err != nil {
		return err
	}

	subjects := []subject{
		{name: "Davit, graphql-transport-ws", cpu: d.cpu, op: collect(func(ctx context.Context, line func(string)) error { return d.follow(ctx, made.ID, line) })},
		{name: "bare attach", op: collect(func(ctx context.Context, line func(string)) error { return attach(ctx, api, container, line) })},
	}
	const cli = "docker logs -f"
	if _, missing := exec.LookPath("docker"); missing != nil {
		b.skip(cli, missing)
	} else {
		subjects = append(subjects, subject{name: cli, op: collect(func(ctx context.Context, line func(string)) error { return dockerLogs(ctx, container, line) })})
	}
	all, err := b.interleave(ctx, subjects...)
	if err != nil {
		return err
	}
	for i, s := range all {
		r := rowOf(s)
		if i != 1 {
			r = r.beside(s, all[1])
		}
		if i == 0 {
			r = r.target("p50 ≤ 2 ms, p99 ≤ 20 ms", r.P50 <= 2 && r.P99 <= 20)
		}
		b.add(r)
	}
	return nil
}

// containerOf finds the one container of an installation.
func containerOf(ctx context.Context, api *client.Client, installation string) (string, error) {
	list, err := api.ContainerList(ctx, client.ContainerListOptions{
		Filters: make(client.Filters).Add("label", "davit.installation="+installation),
	})
	if err != nil {
		return "", err
	}
	if len(list.Items) != 1 {
		return "", fmt.Errorf("%d containers run instead of one", len(list.Items))
	}
	return list.Items[0].ID, nil
}

// collect makes an operation that follows with read until it has a turn's
// lines, and returns how old each was.
func collect(read func(context.Context, func(string)) error) func(context.Context) ([]time.Duration, error) {
	return func(ctx context.Context) ([]time.Duration, error) {
		ctx, enough := context.WithTimeout(ctx, time.Minute)
		defer enough()
		var ages []time.Duration
		var broken error
		err := read(ctx, func(line string) {
			now := time.Now()
			if len(line) > stampLength {
				line = line[len(line)-stampLength:] // an attachment's frame comes before it
			}
			seconds, micros, ok := strings.Cut(line, ".")
			var s, us int64
			if _, err := fmt.Sscan(seconds+" "+micros, &s, &us); !ok || err != nil {
				if broken == nil {
					broken = fmt.Errorf("%q is no time: %w", line, err)
				}
				return
			}
			if ages = append(ages, now.Sub(time.Unix(s, us*1000))); len(ages) == linesATurn+skipLines {
				enough()
			}
		})
		if len(ages) < linesATurn+skipLines {
			return nil, errors.Join(err, broken, fmt.Errorf("only %d lines came", len(ages)))
		}
		return slices.Clone(ages[skipLines : linesATurn+skipLines]), nil
	}
}

// follow subscribes to what a deployment prints from now on.
func (d *installation) follow(ctx context.Context, deployment string, line func(string)) error {
	return d.client.Subscribe(ctx, `subscription($id:ID!){logs(source:{deploymentId:$id},tail:0){... on LogBatch{lines{message stream}}}}`,
		func() any { return davit.Variables{"id": deployment} },
		func(data json.RawMessage) error {
			var m struct {
				Logs struct {
					Lines []struct{ Message, Stream string }
				}
			}
			if err := json.Unmarshal(data, &m); err != nil {
				return err
			}
			for _, l := range m.Logs.Lines {
				if l.Stream == "STDOUT" {
					line(l.Message)
				}
			}
			return nil
		})
}

// attach reads what the container prints from the engine, frames and all.
func attach(ctx context.Context, api *client.Client, container string, line func(string)) error {
	res, err := api.ContainerAttach(ctx, container, client.ContainerAttachOptions{Stream: true, Stdout: true})
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, res.Close)()
	defer res.Close()
	return lines(res.Reader, line)
}

// dockerLogs is docker logs -f from now on.
func dockerLogs(ctx context.Context, container string, line func(string)) error {
	cmd := exec.CommandContext(ctx, "docker", "logs", "-f", "--tail", "0", container)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	err = lines(out, line)
	_ = cmd.Wait() // it is killed when there is enough
	return err
}

func lines(r io.Reader, line func(string)) error {
	s := bufio.NewScanner(r)
	for s.Scan() {
		line(s.Text())
	}
	return s.Err()
}
