package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/davitdev/davit/internal/client"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/spec"
)

func filesCommand(getenv func(string) string) *cobra.Command {
	cmd := &cobra.Command{
		Use: "files", Short: "Set and list the config files of the service of this directory",
		Long: "Config files are small texts that are put into each container of the service before it starts. They\n" +
			"are write-only, as secrets are: no command prints one. A change counts from the next deployment on.\n" +
			"Without Docker the variable DAVIT_FILES names the directory below which they are.",
		Example: "  davit files set /etc/app/config.yml --from config.yml\n  davit files list",
	}
	cmd.AddCommand(filesSetCommand(getenv), filesUnsetCommand(getenv), filesListCommand(getenv))
	group(cmd)
	return cmd
}

// without are the files but those at some paths, with what they hold so far.
func without(files []client.File, paths ...string) (rest []client.ConfigFileInput, removed []string) {
	rest, removed = []client.ConfigFileInput{}, []string{}
	for _, f := range files {
		if slices.Contains(paths, f.Path) {
			removed = append(removed, f.Path)
			continue
		}
		rest = append(rest, client.ConfigFileInput{Path: f.Path, Mode: &f.Mode})
	}
	return rest, removed
}

func filesSetCommand(getenv func(string) string) *cobra.Command {
	var s *changing
	var from, mode string
	cmd := &cobra.Command{
		Use: "set PATH", Short: "Set a config file", Args: cobra.ExactArgs(1),
		Long:    "Sets the config file at an absolute path inside the containers. What it holds is read from stdin, or\nfrom a file of this machine. An empty stdin is refused: an empty config file is set by\n--from of an empty file.",
		Example: "  davit files set /etc/app/config.yml --from config.yml\n  pass show app | davit files set /run/app.key --mode 0400 --redeploy",
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, out := cmd.Context(), cmd.OutOrStdout()
			var bits *int // those it has
			if cmd.Flags().Changed("mode") {
				said, err := strconv.ParseUint(mode, 8, 9)
				if err != nil {
					return fault.New(fault.Invalid, "--mode is made of octal digits, such as 0644, not %q.", mode)
				}
				bits = new(int(said)) //nolint:gosec // nine bits
			}
			content, err := readConfig(cmd, from)
			if err != nil {
				return err
			}
			c, l, err := s.link()
			if err != nil {
				return err
			}
			i, err := client.LoadFiles(ctx, c, l.InstanceID)
			if err != nil {
				return err
			}
			files, _ := without(i.ServiceInstance.Settings.ConfigFiles, args[0])
			files = append(files, client.ConfigFileInput{Path: args[0], Mode: bits, Content: &content})
			done, err := client.SetFiles(ctx, c, l.InstanceID, i.ServiceInstance.Version, files)
			if err != nil {
				return err
			}
			for _, f := range done.UpdateServiceInstance.Instance.Settings.ConfigFiles {
				if s.json && f.Path == args[0] {
					if err := s.emit(out, f); err != nil {
						return err
					}
				}
			}
			s.say(out, "The config file %s is now set.", plain(args[0]))
			return s.applyTo(ctx, c, out, l.InstanceID)
		},
	}
	s = newChanging(cmd, getenv)
	cmd.Flags().StringVar(&from, "from", "-", "`FILE` of this machine that has its text; - is stdin")
	cmd.Flags().StringVar(&mode, "mode", "", "its permission bits (default those it has, or 0644); it belongs to the user of the image")
	return cmd
}

// readConfig reads the text of a config file. What is no text would become
// another one on its way, and an empty stdin is no text either: both are INVALID.
func readConfig(cmd *cobra.Command, from string) (string, error) {
	var in io.Reader
	if from == "-" {
		in = stdin(cmd, "the config file")
	} else {
		f, err := os.Open(from)
		if err != nil {
			return "", fault.Wrap(err, fault.Invalid, "No config file can be read there")
		}
		defer f.Close()
		in = f
	}
	text, err := readBounded(cmd.Context(), in, "a config file", spec.MaxFileBytes)
	if err == nil && !utf8.ValidString(text) {
		return "", fault.New(fault.Invalid, "A config file is text in UTF-8: put others into the image.")
	}
	if err == nil && text == "" && from == "-" { // as after a program that failed
		return "", fault.New(fault.Invalid, "There is nothing on stdin: no config file was set.").WithHint("For an empty config file say --from with an empty file.")
	}
	return text, err
}

func filesUnsetCommand(getenv func(string) string) *cobra.Command {
	var s *changing
	cmd := &cobra.Command{
		Use: "unset PATH...", Short: "Unset config files", Args: cobra.MinimumNArgs(1),
		Example: "  davit files unset /etc/app/config.yml --redeploy",
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, out := cmd.Context(), cmd.OutOrStdout()
			c, l, err := s.link()
			if err != nil {
				return err
			}
			i, err := client.LoadFiles(ctx, c, l.InstanceID)
			if err != nil {
				return err
			}
			files, removed := without(i.ServiceInstance.Settings.ConfigFiles, args...)
			if len(removed) > 0 {
				if _, err := client.SetFiles(ctx, c, l.InstanceID, i.ServiceInstance.Version, files); err != nil {
					return err
				}
			}
			if s.json {
				err = s.emit(out, map[string]any{"removed": removed})
			} else {
				err = sayFilesUnset(out, args, removed)
			}
			if err != nil || len(removed) == 0 {
				return err
			}
			return s.applyTo(ctx, c, out, l.InstanceID)
		},
	}
	s = newChanging(cmd, getenv)
	return cmd
}

// sayFilesUnset says how many config files were unset, and which were not set at
// all.
func sayFilesUnset(out io.Writer, paths, removed []string) error {
	_, err := fmt.Fprintf(out, "%s unset.\n", counted(len(removed), "config file is", "config files are"))
	for _, path := range paths {
		if err == nil && !slices.Contains(removed, path) {
			_, err = fmt.Fprintf(out, "%s was not set: \"davit files list\" says what is.\n", plain(path))
		}
	}
	return err
}

func filesListCommand(getenv func(string) string) *cobra.Command {
	var s *session
	cmd := &cobra.Command{
		Use: "list", Short: "List the config files, without what they hold", Args: cobra.NoArgs,
		Long:    "Lists the config files. The digest differs when what a file holds does.",
		Example: "  davit files list\n  davit files list --json | jq -r .path",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, l, err := s.link()
			if err != nil {
				return err
			}
			i, err := client.LoadFiles(cmd.Context(), c, l.InstanceID)
			if err != nil {
				return err
			}
			t := s.table(cmd.OutOrStdout(), "No config file is set: \"davit files set PATH\" sets one.", "PATH", "MODE", "SIZE", "DIGEST")
			for _, f := range i.ServiceInstance.Settings.ConfigFiles {
				if err := t.row(f, f.Path, fmt.Sprintf("%04o", f.Mode), bytes(int64(f.Size)), f.Digest); err != nil {
					return err
				}
			}
			return t.end()
		},
	}
	s = newSession(cmd, getenv).linked(cmd)
	return cmd
}
