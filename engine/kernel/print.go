package kernel

import "math"

// MostPrinted is how many bytes of lines are kept of what the functions of a stage print. A line counts for its bytes and
// its end, and for leastLine bytes at least.
const MostPrinted = 16 << 20

const leastLine = 32

// A Print is what a function of the script tells people: a line, that a counter grows, or lines that were left out.
type Print struct {
	Text  string // the line, or the counter's name
	Add   int64  // not 0: a counter grows
	Lines int64  // not 0: so many lines were left out
	Bytes int64  // of these, with their ends
}

// Size is how many bytes count against MostPrinted.
func (p *Print) Size() int64 {
	if p.Add != 0 {
		return 0
	}
	return max(leastLine, int64(len(p.Text))+1)
}

// grows lets a counter grow by n. It is false if p is something else, or would be.
func (p *Print) grows(name string, n int64) bool {
	const most = math.MaxInt64 / 2
	sum := p.Add + n // a call counts less than most
	if p.Add == 0 || p.Text != name || sum == 0 || sum > most || sum < -most {
		return false
	}
	p.Add = sum
	return true
}

// Join adds the lines that q has left out to those that p has. It is false if either is something else.
func (p *Print) Join(q Print) bool {
	if p.Lines == 0 || q.Lines == 0 {
		return false
	}
	p.Lines += q.Lines
	p.Bytes += q.Bytes
	return true
}

// A PrintBound leaves out the lines behind the first MostPrinted bytes. Which these are depends on the lines before them
// alone: whoever has some lines in a row can bound them, and whoever puts rows together bounds the whole, with the same
// lines left out as if nobody had done so before. The zero value is ready; it is used by one goroutine at a time.
type PrintBound struct{ bytes int64 }

// Take is p, or where it is a line that is left out, what is left of it.
func (b *PrintBound) Take(p Print) Print {
	switch {
	case p.Add != 0:
		return p
	case p.Lines != 0:
		b.bytes = MostPrinted + 1
		return p
	}
	if b.bytes = min(b.bytes+p.Size(), MostPrinted+1); b.bytes <= MostPrinted {
		return p
	}
	return Print{Lines: 1, Bytes: int64(len(p.Text)) + 1}
}
