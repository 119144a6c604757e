package main

import (
	"slices"
	"strings"
	"testing"

	"trunkline/config"
	"trunkline/pipeline"
	"trunkline/pipeline/tools"
)

func TestAnAgentWithLanguagesMayChangeThem(t *testing.T) {
	t.Parallel()
	for languages, want := range map[string]string{"": "", "[{language: en-GB}, {language: en-AU}]": `["en-US","en-GB","en-AU"]`} {
		c, err := config.Parse("t.yaml", []byte("agents: [{name: reception, languages: "+languages+"}]"), config.Overrides{})
		if err != nil {
			t.Fatal(err)
		}
		var settings pipeline.Config
		if err := equip(&settings, &c.Agents[0], nil, nil); err != nil {
			t.Fatal(err)
		}
		var specs []pipeline.ToolSpec
		if settings.Tools != nil {
			specs = settings.Tools.Specs()
		}
		i := slices.IndexFunc(specs, func(s pipeline.ToolSpec) bool { return s.Name == tools.SwitchLanguage })
		if (i >= 0) != (want != "") || i >= 0 && !strings.Contains(string(specs[i].Parameters), want) {
			t.Errorf("languages %s: %+v", languages, specs)
		}
	}
}
