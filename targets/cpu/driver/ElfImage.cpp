//===- ElfImage.cpp - kernels in memory --------------------------------------------------===//
//
// See ElfImage.h. Structures of the file are copied out before they are looked at, since nothing in it need
// be aligned.
//
//===--------------------------------------------------------------------------------------===//
#include "targets/cpu/driver/ElfImage.h"

#include <cerrno>
#include <cstring>
#include <elf.h>
#include <string>
#include <sys/mman.h>

using namespace aicc::cpu;

namespace {

constexpr uint64_t kPage = 4096;
constexpr uint64_t kMaxSpan = 1ull << 30;
/// Zeroed memory beyond what the file holds; kernels have next to none.
constexpr uint64_t kMaxZeroed = 1ull << 24;
constexpr uint32_t kMaxSegments = 64;
constexpr uint32_t kMaxEntries = 1u << 20;

aicc_status *damaged(const char *what) {
  return aicc_status_create(AICC_STATUS_DATA_LOSS, (std::string("kernel image is damaged: ") + what).c_str());
}

bool within(uint64_t offset, uint64_t size, uint64_t limit) {
  return offset <= limit && size <= limit - offset;
}

template <typename T> T readAt(const uint8_t *from) {
  T value;
  std::memcpy(&value, from, sizeof(T));
  return value;
}

} // namespace

/// What the dynamic section says; addresses are relative to base.
struct ElfImage::Dynamic {
  uint64_t symbols = 0, strings = 0, stringsSize = 0, hash = 0, symbolCount = 0;
  uint64_t rela = 0, relaSize = 0, plt = 0, pltSize = 0;
};

ElfImage::~ElfImage() {
  if (base)
    munmap(base, span);
}

template <typename T> T ElfImage::read(uint64_t address) const { return readAt<T>(base + address); }

bool ElfImage::contains(uint64_t address, uint64_t size, uint32_t flags) const {
  for (const Segment &segment : segments)
    if ((segment.flags & flags) == flags && address >= segment.address &&
        within(address - segment.address, size, segment.size))
      return true;
  return false;
}

bool ElfImage::containsPointer(const void *pointer, uint64_t size, uint32_t flags) const {
  uint64_t address = reinterpret_cast<uint64_t>(pointer) - reinterpret_cast<uint64_t>(base);
  return contains(address, size, flags);
}

bool ElfImage::isString(const char *string) const {
  for (const Segment &segment : segments) {
    const char *begin = reinterpret_cast<const char *>(base) + segment.address;
    if ((segment.flags & PF_R) && string >= begin && string < begin + segment.size)
      return std::memchr(string, 0, static_cast<size_t>(begin + segment.size - string)) != nullptr;
  }
  return false;
}

aicc_status *ElfImage::readSegments(const uint8_t *data, uint64_t size, uint64_t &dynamicAddress,
                                    uint64_t &dynamicSize) {
  if (size < sizeof(Elf64_Ehdr))
    return damaged("it is shorter than an ELF header");
  auto header = readAt<Elf64_Ehdr>(data);
  if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_ident[EI_CLASS] != ELFCLASS64 ||
      header.e_ident[EI_DATA] != ELFDATA2LSB || header.e_type != ET_DYN || header.e_machine != EM_X86_64)
    return damaged("it is not an x86-64 shared object");
  if (header.e_phentsize != sizeof(Elf64_Phdr) || header.e_phnum == 0 || header.e_phnum > kMaxSegments ||
      !within(header.e_phoff, header.e_phnum * sizeof(Elf64_Phdr), size))
    return damaged("its program headers leave the file");

  std::vector<Elf64_Phdr> loads;
  uint64_t end = 0, zeroed = 0;
  for (uint32_t i = 0; i < header.e_phnum; ++i) {
    auto program = readAt<Elf64_Phdr>(data + header.e_phoff + i * sizeof(Elf64_Phdr));
    switch (program.p_type) {
    case PT_LOAD:
      if (!within(program.p_offset, program.p_filesz, size) || program.p_filesz > program.p_memsz ||
          !within(program.p_vaddr, program.p_memsz, kMaxSpan))
        return damaged("a segment leaves the file");
      if ((program.p_flags & PF_W) && (program.p_flags & PF_X))
        return damaged("a segment is writable and executable");
      // In order and never on one page, so that each page has one protection.
      if (program.p_vaddr / kPage * kPage < end)
        return damaged("segments overlap");
      end = (program.p_vaddr + program.p_memsz + kPage - 1) / kPage * kPage;
      zeroed += program.p_memsz - program.p_filesz;
      loads.push_back(program);
      break;
    case PT_DYNAMIC:
      dynamicAddress = program.p_vaddr;
      dynamicSize = program.p_memsz;
      break;
    case PT_TLS:
    case PT_INTERP:
      return damaged("it wants thread-local storage or an interpreter");
    default:
      break;
    }
  }
  if (loads.empty() || end == 0 || zeroed > kMaxZeroed)
    return damaged("it has no segments, or too much zeroed memory");

  void *memory = mmap(nullptr, end, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED)
    return aicc_status_create(AICC_STATUS_OUT_OF_MEMORY, "no memory for a kernel image");
  base = static_cast<uint8_t *>(memory);
  span = end;
  for (const Elf64_Phdr &program : loads) {
    std::memcpy(base + program.p_vaddr, data + program.p_offset, program.p_filesz);
    segments.push_back({program.p_vaddr, program.p_memsz, program.p_flags});
  }
  return nullptr;
}

aicc_status *ElfImage::readDynamic(uint64_t address, uint64_t size, Dynamic &dynamic) const {
  if (!size || !contains(address, size, PF_R))
    return damaged("it has no dynamic section");
  for (uint64_t i = 0; i + sizeof(Elf64_Dyn) <= size; i += sizeof(Elf64_Dyn)) {
    auto entry = read<Elf64_Dyn>(address + i);
    uint64_t value = entry.d_un.d_val;
    if (entry.d_tag == DT_NULL)
      break;
    switch (entry.d_tag) {
    case DT_SYMTAB:
      dynamic.symbols = value;
      break;
    case DT_STRTAB:
      dynamic.strings = value;
      break;
    case DT_STRSZ:
      dynamic.stringsSize = value;
      break;
    case DT_HASH:
      dynamic.hash = value;
      break;
    case DT_RELA:
      dynamic.rela = value;
      break;
    case DT_RELASZ:
      dynamic.relaSize = value;
      break;
    case DT_JMPREL:
      dynamic.plt = value;
      break;
    case DT_PLTRELSZ:
      dynamic.pltSize = value;
      break;
    case DT_SYMENT:
      if (value != sizeof(Elf64_Sym))
        return damaged("its symbols have another size");
      break;
    case DT_RELAENT:
      if (value != sizeof(Elf64_Rela))
        return damaged("its relocations have another size");
      break;
    case DT_NEEDED:
      return damaged("it needs another library");
    case DT_INIT:
    case DT_FINI:
    case DT_INIT_ARRAY:
    case DT_FINI_ARRAY:
    case DT_PREINIT_ARRAY:
      return damaged("it has initializers");
    case DT_REL:
    case DT_TEXTREL:
    case 36 /* DT_RELR */:
      return damaged("it has relocations of a kind that is not supported");
    default:
      break;
    }
  }
  if (!dynamic.hash || !contains(dynamic.hash, 8, PF_R))
    return damaged("it has no symbol hash table (link with --hash-style=sysv)");
  dynamic.symbolCount = read<uint32_t>(dynamic.hash + 4);
  if (!contains(dynamic.symbols, dynamic.symbolCount * sizeof(Elf64_Sym), PF_R) || !dynamic.stringsSize ||
      !contains(dynamic.strings, dynamic.stringsSize, PF_R) ||
      read<char>(dynamic.strings + dynamic.stringsSize - 1) != 0)
    return damaged("its symbol table leaves the image");
  return nullptr;
}

aicc_status *ElfImage::relocate(const Dynamic &dynamic, uint64_t address, uint64_t size) {
  if (!size)
    return nullptr;
  if (size % sizeof(Elf64_Rela) != 0 || !contains(address, size, PF_R))
    return damaged("its relocations leave the image");
  for (uint64_t i = 0; i < size; i += sizeof(Elf64_Rela)) {
    auto relocation = read<Elf64_Rela>(address + i);
    if (!contains(relocation.r_offset, 8, PF_W))
      return damaged("a relocation is not in writable memory");
    uint64_t value = reinterpret_cast<uint64_t>(base);
    uint32_t type = ELF64_R_TYPE(relocation.r_info);
    if (type == R_X86_64_RELATIVE) {
      value += static_cast<uint64_t>(relocation.r_addend);
    } else if (type == R_X86_64_64 || type == R_X86_64_GLOB_DAT || type == R_X86_64_JUMP_SLOT) {
      uint64_t index = ELF64_R_SYM(relocation.r_info);
      if (index >= dynamic.symbolCount)
        return damaged("a relocation names a symbol that does not exist");
      auto symbol = read<Elf64_Sym>(dynamic.symbols + index * sizeof(Elf64_Sym));
      if (symbol.st_shndx == SHN_UNDEF)
        return damaged("it imports a symbol");
      value += symbol.st_value + (type == R_X86_64_64 ? static_cast<uint64_t>(relocation.r_addend) : 0);
    } else {
      return damaged("it has a relocation of a kind that is not supported");
    }
    std::memcpy(base + relocation.r_offset, &value, sizeof(value));
  }
  return nullptr;
}

aicc_status *ElfImage::protect() {
  if (mprotect(base, span, PROT_NONE) != 0)
    return aicc_status_create(AICC_STATUS_IO, "the system refuses to protect a kernel image");
  for (const Segment &segment : segments) {
    uint64_t begin = segment.address / kPage * kPage;
    uint64_t end = (segment.address + segment.size + kPage - 1) / kPage * kPage;
    int protection = (segment.flags & PF_R ? PROT_READ : 0) | (segment.flags & PF_W ? PROT_WRITE : 0) |
                     (segment.flags & PF_X ? PROT_EXEC : 0);
    if (end > begin && mprotect(base + begin, end - begin, protection) != 0)
      return aicc_status_create(
          AICC_STATUS_IO,
          (std::string("the system refuses executable memory: ") + std::strerror(errno)).c_str());
  }
  return nullptr;
}

aicc_status *ElfImage::findTable(const Dynamic &dynamic) {
  uint64_t query = 0;
  for (uint64_t i = 0; i < dynamic.symbolCount; ++i) {
    auto symbol = read<Elf64_Sym>(dynamic.symbols + i * sizeof(Elf64_Sym));
    if (symbol.st_name >= dynamic.stringsSize || symbol.st_shndx == SHN_UNDEF)
      continue;
    const char *name = reinterpret_cast<const char *>(base) + dynamic.strings + symbol.st_name;
    if (std::strcmp(name, AICC_EXECUTABLE_QUERY_NAME) == 0)
      query = symbol.st_value;
  }
  if (!query || !contains(query, 1, PF_X))
    return damaged("it does not export " AICC_EXECUTABLE_QUERY_NAME);
  const aicc_executable_table *found =
      reinterpret_cast<aicc_executable_query_fn>(base + query)(AICC_KERNEL_ABI_VERSION);
  if (!found)
    return aicc_status_create(AICC_STATUS_UNSUPPORTED,
                              "kernel image was made for another version of the kernel ABI");
  if (!containsPointer(found, sizeof(*found), PF_R) || found->struct_size < sizeof(*found) ||
      found->abi_version != AICC_KERNEL_ABI_VERSION || found->count > kMaxEntries ||
      !containsPointer(found->entries, found->count * sizeof(void *), PF_R) ||
      !containsPointer(found->names, found->count * sizeof(void *), PF_R))
    return damaged("its table of kernels leaves the image");
  for (uint32_t i = 0; i < found->count; ++i)
    if (!containsPointer(reinterpret_cast<const void *>(found->entries[i]), 1, PF_X) ||
        !isString(found->names[i]))
      return damaged("a kernel's entry or name leaves the image");
  table = found;
  return nullptr;
}

aicc_status *ElfImage::load(const void *data, uint64_t size) {
  uint64_t dynamicAddress = 0, dynamicSize = 0;
  Dynamic dynamic;
  aicc_status *status = readSegments(static_cast<const uint8_t *>(data), size, dynamicAddress, dynamicSize);
  if (!status)
    status = readDynamic(dynamicAddress, dynamicSize, dynamic);
  if (!status)
    status = relocate(dynamic, dynamic.rela, dynamic.relaSize);
  if (!status)
    status = relocate(dynamic, dynamic.plt, dynamic.pltSize);
  if (!status)
    status = protect();
  if (!status)
    status = findTable(dynamic);
  return status;
}
