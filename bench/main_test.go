package main

import (
	"bytes"
	"errors"
	"flag"
	"io"
	"strings"
	"testing"
)

func TestHelpNamesEveryScenario(t *testing.T) {
	t.Parallel()

	var help bytes.Buffer
	if err := run(t.Context(), []string{"-h"}, io.Discard, &help); !errors.Is(err, flag.ErrHelp) {
		t.Fatalf("-h ended with %v", err)
	}
	for _, s := range scenarios() {
		if !strings.Contains(help.String(), s.id+"  "+s.title) {
			t.Errorf("%s is not in\n%s", s.id, help.String())
		}
	}
}

func TestChooseTakesIDsInTheOrderTheyAreNamed(t *testing.T) {
	t.Parallel()

	chosen, err := choose("j1,D1")
	if err != nil || len(chosen) != 2 || chosen[0].id != "J1" || chosen[1].id != "D1" {
		t.Errorf("got %v, %v", chosen, err)
	}
	if all, err := choose(""); err != nil || len(all) != len(scenarios()) {
		t.Errorf("nothing named is %d scenarios, %v", len(all), err)
	}
	if _, err := choose("D1,Z9"); err == nil || !strings.Contains(err.Error(), "Z9") {
		t.Errorf("an unknown one: %v", err)
	}
}
