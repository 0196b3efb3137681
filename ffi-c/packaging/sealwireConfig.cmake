# Sealwire for one processor. Targets: sealwire::@FIRST@ and so on, one for each folder of lib/ (see README.md), and sealwire::sealwire, which is the one that
# SEALWIRE_FLAVOUR names (default: @FIRST@). Link with -Wl,--gc-sections.
get_filename_component(_sealwire_prefix "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)
set(SEALWIRE_FLAVOUR "@FIRST@" CACHE STRING "Which library: @FLAVOURS@")
set_property(CACHE SEALWIRE_FLAVOUR PROPERTY STRINGS @FLAVOURS@)
foreach(_sealwire_flavour @FLAVOURS@)
  if(NOT TARGET sealwire::${_sealwire_flavour})
    add_library(sealwire::${_sealwire_flavour} STATIC IMPORTED)
    set_target_properties(sealwire::${_sealwire_flavour} PROPERTIES
      IMPORTED_LOCATION "${_sealwire_prefix}/lib/${_sealwire_flavour}/libsealwire.a"
      INTERFACE_INCLUDE_DIRECTORIES "${_sealwire_prefix}/include"
      INTERFACE_LINK_LIBRARIES "@LIBRARIES@")
  endif()
endforeach()
if(NOT TARGET sealwire::${SEALWIRE_FLAVOUR})
  set(sealwire_FOUND FALSE)
  set(sealwire_NOT_FOUND_MESSAGE "SEALWIRE_FLAVOUR is ${SEALWIRE_FLAVOUR}; there are: @FLAVOURS@")
elseif(NOT TARGET sealwire::sealwire)
  add_library(sealwire::sealwire INTERFACE IMPORTED)
  set_property(TARGET sealwire::sealwire PROPERTY INTERFACE_LINK_LIBRARIES sealwire::${SEALWIRE_FLAVOUR})
endif()
unset(_sealwire_flavour)
unset(_sealwire_prefix)
