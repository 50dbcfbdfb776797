package main

import (
	"runtime/debug"
	"strings"
	"testing"
)

func TestDescribeBuild(t *testing.T) {
	info := &debug.BuildInfo{
		Main: debug.Module{Version: "v1.2.3"},
		Settings: []debug.BuildSetting{
			{Key: "vcs.revision", Value: "0123456789abcdef0123"}, {Key: "vcs.modified", Value: "true"},
		},
	}
	got := describeBuild(info)
	if !strings.HasPrefix(got, "flowsh v1.2.3, go") || !strings.HasSuffix(got, ", commit 0123456789ab with changes") {
		t.Error(got)
	}
	if got := describeBuild(new(debug.BuildInfo)); !strings.HasPrefix(got, "flowsh development build, go") {
		t.Error(got)
	}
}
