package builtins

import (
	"regexp"
	"slices"
	"strings"
	"sync"

	"go.starlark.net/starlark"
)

// An Arg is an argument that the script declares by arg(), for the job's help.
type Arg struct {
	Name     string // as on the command line, without dashes
	Type     string // str, int, float, bool, list, duration or bytes
	Help     string
	Default  string // as text; "" if there is none, or if it is secret
	Env      string // environment variable that is asked before the default
	Choices  []string
	Required bool
	Rest     bool // takes the words that are no flags
	Secret   bool
}

// A declaration is a call of arg().
type declaration struct {
	Arg
	fallback starlark.Value // nil: required
	choices  []starlark.Value
}

var argParams = []string{"name", "default", "type", "help", "rest", "env", "secret", "choices"}

var argName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]*$`) })

// declareArg is arg(name, default=, type=, help=, rest=False, env=None, secret=False, choices=None).
func declareArg(thread *starlark.Thread, fn *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	u, err := whileLoading(thread, "arg")
	if err != nil {
		return nil, err
	}
	given, err := bindArguments("arg", argParams, args, kwargs)
	if err != nil {
		return nil, err
	}
	d, err := declare(given)
	if err != nil {
		return nil, err
	}
	if !u.main {
		return d.ownDefault()
	}
	if slices.ContainsFunc(u.args, func(a Arg) bool { return a.Name == d.Name }) {
		return nil, mistake("", "arg %q is declared twice", d.Name)
	}
	u.args = append(u.args, d.Arg)
	v, err := u.argument(d)
	if err != nil {
		return nil, err
	}
	v.Freeze()
	u.resolved(d, v)
	return v, nil
}

// ownDefault is the value in a file that another file loads.
func (d *declaration) ownDefault() (starlark.Value, error) {
	if d.fallback == nil {
		return nil, mistake("", "arg %q has no default, and a file that is loaded gets no arguments", d.Name)
	}
	return d.fallback, nil
}

func declare(given []starlark.Value) (*declaration, error) {
	d := &declaration{fallback: given[1]}
	name, _ := starlark.AsString(orNone(given[0]))
	if !argName().MatchString(name) {
		return nil, mistake(`arg("limit", default = 10)`, "arg needs a name of letters, digits and dashes")
	}
	d.Name = dashes(name)
	if d.Name == "help" || d.Name == "quiet" {
		return nil, mistake("choose another name", "arg %q: --%s is flowsh's own", d.Name, d.Name)
	}
	fields := []struct {
		value starlark.Value
		into  any
	}{{given[3], &d.Help}, {given[4], &d.Rest}, {given[5], &d.Env}, {given[6], &d.Secret}}
	for i, f := range fields {
		if f.value == nil || f.value == starlark.None {
			continue
		}
		if err := starlark.UnpackArg(f.value, f.into); err != nil {
			return nil, mistake("", "arg %q: %s: %v", d.Name, argParams[3+i], err)
		}
	}
	return d, d.typed(given[2], given[7])
}

// typed decides the type, from type= or else from the default, and checks default and choices against it.
func (d *declaration) typed(typ, choices starlark.Value) error {
	d.Required = d.fallback == nil
	if err := d.setType(typ); err != nil {
		return err
	}
	if err := d.setChoices(choices); err != nil {
		return err
	}
	if d.Required {
		return nil
	}
	if !d.Secret && d.fallback != starlark.None {
		d.Default = plainText(d.fallback)
	}
	if d.Rest || d.fallback == starlark.None {
		return nil
	}
	if d.Type == "float" {
		if f, ok := starlark.AsFloat(d.fallback); ok {
			d.fallback = starlark.Float(f)
		}
	}
	if got := typeOf(d.fallback); got != d.Type && !(d.Type == "duration" || d.Type == "bytes") {
		return mistake("", "arg %q: the default is %s, but the type is %s", d.Name, got, d.Type)
	}
	if s, ok := starlark.AsString(d.fallback); ok && d.Type != "str" {
		v, err := parseArgument(d.Type, s)
		if err != nil {
			return mistake("", "arg %q: the default %v", d.Name, err)
		}
		d.fallback = v
	}
	return d.allowed(d.fallback)
}

func (d *declaration) setType(typ starlark.Value) error {
	switch {
	case typ != nil && typ != starlark.None:
		d.Type = typeName(typ)
	case d.Rest, d.fallback == nil, d.fallback == starlark.None:
		d.Type = "str"
	default:
		d.Type = typeOf(d.fallback)
	}
	if !slices.Contains(argTypes, d.Type) {
		return mistake("", "arg %q: the type must be one of %s", d.Name, strings.Join(argTypes, ", "))
	}
	return nil
}

func (d *declaration) setChoices(v starlark.Value) error {
	if v == nil || v == starlark.None {
		return nil
	}
	list, ok := v.(starlark.Iterable)
	if !ok {
		return mistake("", "arg %q: choices must be a list, not %s", d.Name, v.Type())
	}
	for c := range starlark.Elements(list) {
		d.choices = append(d.choices, c)
		d.Choices = append(d.Choices, plainText(c))
	}
	return nil
}

func (d *declaration) allowed(v starlark.Value) error {
	if d.choices == nil {
		return nil
	}
	for _, c := range d.choices {
		if same, err := starlark.Equal(c, v); err == nil && same {
			return nil
		}
	}
	return usage(didYouMean(plainText(v), d.Choices), "--%s: want one of %s, not %s", d.Name, strings.Join(d.Choices, ", "), d.show(plainText(v)))
}

// show masks what is secret.
func (d *declaration) show(text string) string {
	if d.Secret {
		return "***"
	}
	return text
}

// argument finds the value: on the command line, in the environment, or the default.
func (l *loader) argument(d *declaration) (starlark.Value, error) {
	switch {
	case d.Rest:
		return l.restArgument(d)
	case d.Type == "bool":
		v, given, err := l.line.takeSwitch(d.Name)
		if given || err != nil {
			return starlark.Bool(v), err
		}
	case d.Type == "list":
		values, err := l.line.take(d.Name)
		if len(values) > 0 || err != nil {
			return stringsOf(values), err
		}
	default:
		values, err := l.line.take(d.Name)
		if err != nil {
			return nil, err
		}
		if len(values) > 0 {
			return d.parse("--"+d.Name, values[len(values)-1])
		}
	}
	return l.absent(d)
}

// absent is the value of an argument that the command line does not give.
func (l *loader) absent(d *declaration) (starlark.Value, error) {
	if d.Env != "" && l.options.Host.LookupEnv != nil {
		if text, ok := l.options.Host.LookupEnv(d.Env); ok {
			return d.parse("$"+d.Env, text)
		}
	}
	switch {
	case d.fallback != nil:
		return d.fallback, nil
	case l.line.help():
		return d.placeholder(), nil
	case d.Rest:
		return nil, usage(d.Help, "at least one %s is needed", strings.ToUpper(d.Name))
	case d.Env != "":
		return nil, usage(d.Help, "--%s or $%s is needed", d.Name, d.Env)
	}
	return nil, usage(d.Help, "--%s is needed", d.Name)
}

// restArgument is the list of all words that are no flags. A rest argument may be given by its flag too.
func (l *loader) restArgument(d *declaration) (starlark.Value, error) {
	if l.rest != "" {
		return nil, mistake("", "arg %q: %q takes the rest already", d.Name, l.rest)
	}
	l.rest = d.Name
	words, err := l.line.take(d.Name)
	if err != nil {
		return nil, err
	}
	l.files = l.line.files()
	words = append(words, l.files...)
	if len(words) == 0 {
		v, err := l.absent(d)
		if s, ok := v.(starlark.String); ok {
			v = starlark.NewList([]starlark.Value{s})
		}
		return v, err
	}
	list := make([]starlark.Value, len(words))
	for i, w := range words {
		if list[i], err = d.parse(strings.ToUpper(d.Name), w); err != nil {
			return nil, err
		}
	}
	return starlark.NewList(list), nil
}

func (d *declaration) parse(from, text string) (starlark.Value, error) {
	if d.Rest && d.Type == "list" {
		return starlark.String(text), nil
	}
	v, err := parseArgument(d.Type, text)
	if err != nil {
		return nil, usage("", "%s: %s", from, d.show(err.Error()))
	}
	return v, d.allowed(v)
}

func orNone(v starlark.Value) starlark.Value {
	if v == nil {
		return starlark.None
	}
	return v
}
