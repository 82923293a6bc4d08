package structure

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"example.com/pause/tools/oci"
)

// machine is what an ELF header says where a program runs.
type machine struct {
	machine elf.Machine
	class   elf.Class
	data    elf.Data
}

func (m machine) String() string { return fmt.Sprintf("%v %v %v", m.machine, m.class, m.data) }

// machines maps the architectures of image-spec, which are Go's, to ELF.
var machines = map[string]machine{
	"386":      {elf.EM_386, elf.ELFCLASS32, elf.ELFDATA2LSB},
	"amd64":    {elf.EM_X86_64, elf.ELFCLASS64, elf.ELFDATA2LSB},
	"arm":      {elf.EM_ARM, elf.ELFCLASS32, elf.ELFDATA2LSB},
	"arm64":    {elf.EM_AARCH64, elf.ELFCLASS64, elf.ELFDATA2LSB},
	"loong64":  {elf.EM_LOONGARCH, elf.ELFCLASS64, elf.ELFDATA2LSB},
	"mips64":   {elf.EM_MIPS, elf.ELFCLASS64, elf.ELFDATA2MSB},
	"mips64le": {elf.EM_MIPS, elf.ELFCLASS64, elf.ELFDATA2LSB},
	"ppc64":    {elf.EM_PPC64, elf.ELFCLASS64, elf.ELFDATA2MSB},
	"ppc64le":  {elf.EM_PPC64, elf.ELFCLASS64, elf.ELFDATA2LSB},
	"riscv64":  {elf.EM_RISCV, elf.ELFCLASS64, elf.ELFDATA2LSB},
	"s390x":    {elf.EM_S390, elf.ELFCLASS64, elf.ELFDATA2MSB},
}

// KnownArchitecture reports whether the ELF header of a program for the architecture can be checked.
func KnownArchitecture(architecture string) bool {
	_, ok := machines[architecture]
	return ok
}

// checkPlatform compares the platform with the config, with the entry in the index, and with the entrypoint.
func (image *Image) checkPlatform(r *Report, want v1.Platform) {
	text := oci.PlatformText(want)
	r.compare("platform of the config", text, oci.PlatformText(image.config.Platform))
	if image.entry != nil {
		r.compare("platform in the index", text, oci.PlatformText(*image.entry))
	}
	r.add("ELF header of the entrypoint", image.checkELF(want.Architecture)...)
}

func (image *Image) checkELF(architecture string) []string {
	entrypoint := image.config.Config.Entrypoint
	if len(entrypoint) == 0 {
		return []string{"the image has no entrypoint"}
	}
	program, err := image.files.read(entrypoint[0])
	if err != nil {
		return []string{err.Error()}
	}
	file, err := elf.NewFile(bytes.NewReader(program))
	if err != nil {
		return []string{fmt.Sprintf("%s is not an ELF file: %v", entrypoint[0], err)}
	}
	want, ok := machines[architecture]
	if !ok {
		return []string{fmt.Sprintf("the ELF machine of architecture %q is not known", architecture)}
	}
	var problems []string
	if got := (machine{file.Machine, file.Class, file.Data}); got != want {
		problems = append(problems, "expected "+want.String(), "got      "+got.String())
	}
	if file.Type != elf.ET_EXEC && file.Type != elf.ET_DYN {
		problems = append(problems, fmt.Sprintf("expected a program, got %v", file.Type))
	}
	// The variant of 32-bit ARM is not in the header, but the ABI is: since version 5 (armel and armhf) engines agree on it.
	if want.machine == elf.EM_ARM && len(program) >= 40 {
		const abi5 = 5
		if abi := binary.LittleEndian.Uint32(program[36:40]) >> 24; abi != abi5 {
			problems = append(problems, fmt.Sprintf("expected ARM EABI version %d, got %d", abi5, abi))
		}
	}
	return problems
}
