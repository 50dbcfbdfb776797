package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// version prints what this binary was built from.
func (c *cli) version(_, _ []string) error {
	return c.print(versionText())
}

func versionText() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = new(debug.BuildInfo)
	}
	return describeBuild(info)
}

func describeBuild(info *debug.BuildInfo) string {
	version := info.Main.Version
	if version == "" || version == "(devel)" {
		version = "development build"
	}
	text := fmt.Sprintf("flowsh %s, %s %s/%s", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	var revision, modified string
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			revision = ", commit " + s.Value[:min(12, len(s.Value))]
		case "vcs.modified":
			if s.Value == "true" {
				modified = " with changes"
			}
		}
	}
	return text + revision + modified
}
