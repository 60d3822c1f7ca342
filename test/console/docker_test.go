package console_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// folders are what the stories deploy on an engine: each a Dockerfile, of the
// test application as APP. What is of NOW is in no cache.
var folders = map[string]string{
	"slow":    "FROM debian:bookworm-slim\nRUN for i in $(seq 900); do echo compiling part $i of NOW; sleep 0.2; done\n",
	"one":     "FROM APP\nENV APP_VERSION=one\n",
	"unbuilt": "FROM debian:bookworm-slim\nRUN echo no such wind && exit 9\n",
	"colours": "FROM debian:bookworm-slim\nCOPY colours /colours\nCMD [\"bash\", \"/colours\"]\n",
	"chatty":  "FROM debian:bookworm-slim\nCOPY chatty /chatty\nCMD [\"bash\", \"/chatty\"]\n",
	"two":     "FROM APP\nENV APP_VERSION=two APP_PRINT=3 APP_EXIT_AFTER=0s APP_EXIT_CODE=7\n",
	"three":   "FROM APP\nENV APP_VERSION=three APP_UNHEALTHY_FOR=-1s\n",
}

// colours prints every colour of a terminal, plain and turned round, and how lines
// of each severity look in it.
const colours = `for level in INFO WARN ERROR DEBUG; do
  for c in $(seq 30 37) $(seq 90 97); do printf '%s \033[%sm%s\033[0m \033[1;%sm%s\033[0m\n' $level $c colour $c bold; done
done
for c in $(seq 30 37) $(seq 90 97); do printf '\033[7;%sm%s\033[0m\n' $c inverse; done
printf 'to stderr \033[2m%s\033[0m \033[3;4m%s\033[0m\n' dim italic >&2
printf '{"level":"error","msg":"\033[31mof a program\033[0m","n":1}\n'
exec sleep infinity
`

// chatty prints some 10 MB of numbered lines a second.
const chatty = `pad=$(printf 'a long line %.0s' $(seq 850))
i=0
while sleep 0.05; do
  for _ in $(seq 60); do echo "$((++i)) $pad"; done
done
`

func TestOnAnEngine(t *testing.T) { //nolint:tparallel // a story goes on where the one before ended
	t.Parallel()
	needs(t, "DOCKER_HOST")
	app := needs(t, "TEST_REGISTRY") + "/davit-test/app:v1"
	dir := t.TempDir()
	fill := strings.NewReplacer("FROM APP", "FROM "+app, "NOW", fmt.Sprint(time.Now().UnixNano()))
	for name, text := range folders {
		check(t, os.Mkdir(filepath.Join(dir, name), 0o700))
		check(t, os.WriteFile(filepath.Join(dir, name, "Dockerfile"), []byte(fill.Replace(text)), 0o600))
	}
	check(t, os.WriteFile(filepath.Join(dir, "colours", "colours"), []byte(colours), 0o600))
	check(t, os.WriteFile(filepath.Join(dir, "chatty", "chatty"), []byte(chatty), 0o600))
	h := serve(t)
	t.Run("what fails says why, is mended, and drops no request", func(t *testing.T) {
		h.tell(t, "failure.mjs", h.Apps, dir)
	})
	t.Run("axe finds nothing on what is there then", func(t *testing.T) {
		h.tell(t, "axe.mjs", dir)
	})
	t.Run("a log misses no line while its connection is cut", func(t *testing.T) {
		h.tell(t, "socket.mjs", app)
	})
	t.Run("what is left open for hours does not grow", func(t *testing.T) {
		h.tell(t, "memory.mjs", filepath.Join(dir, "chatty"))
	})
}
