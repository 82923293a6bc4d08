package prose

// Constants are the sizes that documents quote and that no build changes, in the spelling of Quote.String, each with its
// source.
var Constants = map[string]string{
	"512 bytes": "a block of a tar archive: POSIX.1-2017, pax, ustar Interchange Format",
	"1 kB":      "another pause program, by its author: docs/comparison.md links to the post",
	"2 MiB":     "the distroless static image, by its README: docs/comparison.md links to it",
	"4 kB":      "a page of most architectures: PAGE_SIZE in the kernel's asm/page.h",
	"64 kB":     "the largest page of an architecture here: PAGE_SIZE in the kernel's asm/page.h",
	"16 kB":     "a kernel stack: THREAD_SIZE of x86-64, asm/page_64_types.h, without KASAN",
	"32 kB":     "the file system that bench/cache fills up: its call of startNginx",
	"4 GB":      "the free disk that sealed mode wants: neededSpace in sealed/prepare",
	"4 MiB":     "the largest document that is read: MaxDocument in tools/oci",
	"64 GiB":    "the largest layer that is read: MaxBlob in tools/oci",
}
