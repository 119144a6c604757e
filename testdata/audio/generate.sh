#!/bin/sh
# Writes the WAV files of this folder: the lines of lines.tsv and two noises.
# Needs the Debian packages flite and sox. See README.md.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# telephone IN OUT: the telephone channel. 300-3400 Hz, 8 kHz, one G.711 u-law
# round trip, then 16-bit linear again. -D keeps dither, which is random, out.
telephone() {
	sox -D "$1" "$work/band.wav" sinc -t 100 300-3400 rate -v 8000 norm -6
	sox -D "$work/band.wav" -c 1 -e u-law -b 8 "$work/ulaw.wav" pad 0.1 0.2
	sox -D "$work/ulaw.wav" -e signed-integer -b 16 "$2"
}

tab=$(printf '\t')
grep -v '^#' lines.tsv | while IFS="$tab" read -r file voice text; do
	case $text in
	"mm hm") flite -voice "$voice" -p 'pau m m hh ah m pau' -o "$work/say.wav" ;; # the lexicon would spell it
	*) flite -voice "$voice" -t "$text" -o "$work/say.wav" ;;
	esac
	telephone "$work/say.wav" "$file.wav"
done

# A cough: two bursts of falling noise. -R makes the noise the same every time.
sox -R -n -r 16000 -b 16 "$work/burst1.wav" synth 0.18 pinknoise fade l 0.005 0.18 0.15 lowpass 2500
sox -R -n -r 16000 -b 16 "$work/burst2.wav" synth 0.25 pinknoise fade l 0.005 0.25 0.2 lowpass 1800 pad 0.09 0
sox -D "$work/burst1.wav" "$work/burst2.wav" "$work/cough.wav"
telephone "$work/cough.wav" cough.wav

# A steady noise floor at about -55 dBFS, such as a quiet office.
sox -R -n -r 16000 -b 16 "$work/room.wav" synth 3 pinknoise
telephone "$work/room.wav" "$work/room8.wav"
sox -D "$work/room8.wav" room.wav gain -40
